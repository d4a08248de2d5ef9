import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { transformSync } from '@swc/core';

/**
 * Lets plain Node load the sources as the build would compile them. Jest does that for tests; its global set-up, and
 * programs that tests start, run outside of jest's module system.
 */
const root = new URL('../../', import.meta.url);
const swc = JSON.parse(readFileSync(new URL('.swcrc', root), 'utf8'));
delete swc.$schema;
const aliases = swc.jsc.paths;
delete swc.jsc.paths;
delete swc.jsc.baseUrl;
delete swc.module.resolveFully;

registerHooks({
  resolve(specifier, context, next) {
    const alias = aliases[specifier]?.[0];
    if (alias !== undefined) return next(new URL(alias, root).href, context);
    if (specifier.startsWith('.') && specifier.endsWith('.js') && context.parentURL?.endsWith('.ts')) return next(`${specifier.slice(0, -3)}.ts`, context);
    return next(specifier, context);
  },
  load(url, context, next) {
    if (!url.startsWith(root.href) || !url.endsWith('.ts')) return next(url, context);
    const filename = fileURLToPath(url);
    const { code } = transformSync(readFileSync(filename, 'utf8'), { ...swc, swcrc: false, filename, sourceMaps: 'inline' });
    return { format: 'module', source: code, shortCircuit: true };
  },
});

/** Imports a TypeScript file of this repository, given by its path from the root. */
export const importSource = (path) => import(new URL(path, pathToFileURL(fileURLToPath(root))).href);
