/** DI token of the definitions by name (`ReadonlyMap<string, FlagDefinition>`). */
export const FLAG_DEFINITIONS = Symbol('FLAG_DEFINITIONS');

/** Bus channel on which a process says that it has changed a flag or the traffic. The message's text means nothing. */
export const FLAGS_CHANNEL = 'apex.flags';

/** DI token of the `UnleashFeed`; null where no server is followed. */
export const UNLEASH_FEED = Symbol('UNLEASH_FEED');
