/** Something that the user can mend; the message says how. Shown without a stack. */
export class Failure extends Error {}
