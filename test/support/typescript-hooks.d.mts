/** Imports a TypeScript file of this repository, given by its path from the root. */
export declare function importSource(path: string): Promise<unknown>;
