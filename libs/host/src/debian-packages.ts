import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const FETCH_TIMEOUT_MS = 180_000;

export interface DebianPackages {
  /** By the names that apt-get knows. They are fetched even if the machine has them; what they depend on only where it lacks it. */
  readonly packages: readonly string[];
  /** Becomes the root of what they hold (`usr/bin/…`), in one step: a fetch that fails leaves what was there. */
  readonly target: string;
}

/** Packages that cannot be had. `message` says why and ends with what would mend it, without a full stop. */
export class PackageFetchError extends Error {
  override readonly name = 'PackageFetchError';
}

/** A program, and where its libraries are when they are not the system's. */
export interface UnpackedProgram {
  readonly path: string;
  readonly libraryPath: string | null;
}

/**
 * Downloads packages of the distribution (Debian, Ubuntu) and what they depend on, as apt-get would choose them, and
 * unpacks them below `target`. Needs no root, installs nothing and runs none of their scripts. A step that takes longer
 * than three minutes fails.
 * @returns the names of what was fetched
 * @throws PackageFetchError
 */
export async function fetchDebianPackages({ packages, target }: DebianPackages): Promise<string[]> {
  const names = packages.join(' ');
  const [aptGet, dpkg] = [findOnPath('apt-get'), findOnPath('dpkg')];
  if (aptGet === null || dpkg === null) throw new PackageFetchError(`There is no apt-get and dpkg here to fetch ${names} with. Install it by this system's own means`);
  const draft = `${target}.${process.pid}`;
  const [debs, root] = [join(draft, 'debs'), join(draft, 'root')];
  rmSync(draft, { recursive: true, force: true });
  for (const dir of [debs, root]) mkdirSync(dir, { recursive: true });
  try {
    const fetched = await downloadAnyhow(aptGet, packages, debs, join(draft, 'apt'));
    for (const file of readdirSync(debs)) await exec(dpkg, ['-x', join(debs, file), root]);
    rmSync(target, { recursive: true, force: true });
    renameSync(root, target);
    return fetched;
  } catch (error) {
    throw new PackageFetchError(`${names} could not be fetched from the distribution (${reasonOf(error)}). Install it: apt-get update && apt-get install ${names}`, { cause: error });
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** The program that packages unpacked below `root` hold at this path (`usr/bin/…`); null where there is none. */
export function unpackedProgram(root: string, program: string): UnpackedProgram | null {
  const path = join(root, program);
  return existsSync(path) ? { path, libraryPath: librariesBelow(root) } : null;
}

/** The variables with which a program finds the libraries that were unpacked beside it. */
export function libraryEnv({ libraryPath }: { readonly libraryPath: string | null }): NodeJS.ProcessEnv {
  return libraryPath === null ? {} : { LD_LIBRARY_PATH: libraryPath };
}

/** The first executable of that name on the PATH; null where there is none. */
export function findOnPath(name: string): string | null {
  for (const dir of (process.env['PATH'] ?? '').split(delimiter)) {
    if (!dir) continue;
    const path = join(dir, name);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

/** Package names out of `apt-get -s install`: what the machine lacks, dependencies first. */
export function parseSimulation(output: string): string[] {
  return output.split('\n').flatMap((line) => /^Inst (\S+) /.exec(line)?.[1] ?? []);
}

/** Every folder that may hold a library: Debian keeps them one level down, in a folder named after the architecture. */
function librariesBelow(root: string): string | null {
  const tops = ['usr/lib', 'lib'].map((dir) => join(root, dir)).filter((dir) => existsSync(dir));
  const folders = tops.flatMap((dir) => [dir, ...readdirSync(dir, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [join(dir, entry.name)] : []))]);
  return folders.length > 0 ? folders.join(delimiter) : null;
}

/** By the system's package lists; by lists of our own where those are absent (containers) or too old to match the mirror. */
async function downloadAnyhow(aptGet: string, packages: readonly string[], into: string, ownDir: string): Promise<string[]> {
  try {
    return await download(aptGet, packages, into, []);
  } catch {
    const own = privateLists(ownDir);
    // One unreachable repository of several fails the whole command; ours may be there all the same.
    await apt(aptGet, ['update', '-qq'], own).catch(() => undefined);
    return await download(aptGet, packages, into, own);
  }
}

async function download(aptGet: string, packages: readonly string[], into: string, options: readonly string[]): Promise<string[]> {
  const { stdout } = await apt(aptGet, ['-s', '--no-install-recommends', 'install', ...packages], options);
  const all = [...new Set([...parseSimulation(stdout), ...packages])];
  await apt(aptGet, ['download', '-qq', ...all], options, into);
  return all;
}

/** Package lists of our own: needs neither root nor any change to the system's. */
function privateLists(dir: string): string[] {
  for (const part of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(dir, part), { recursive: true });
  return ['-o', `Dir::State::lists=${join(dir, 'lists')}`, '-o', `Dir::Cache=${join(dir, 'cache')}`];
}

function apt(aptGet: string, args: readonly string[], options: readonly string[], cwd?: string): Promise<{ stdout: string; stderr: string }> {
  // As root, apt would hand the download to its own user, who cannot write here.
  const sandbox = process.getuid?.() === 0 ? ['-o', 'APT::Sandbox::User=root'] : [];
  return exec(aptGet, [...options, ...sandbox, ...args], {
    timeout: FETCH_TIMEOUT_MS,
    maxBuffer: 16 * 1024 * 1024,
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    ...(cwd ? { cwd } : {}),
  });
}

/** apt-get's own word for it, else the first line of what went wrong. */
function reasonOf(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return ((stderr ?? '').split('\n').find((line) => line.startsWith('E:')) ?? message).split('\n')[0] ?? 'unknown';
}
