import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

export interface HostUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The user as whom root should run a server: `preferred` if the host has it, else `nobody`. Nothing is added to the host. */
export function unprivilegedUser(preferred: readonly string[], passwd = readFileSync('/etc/passwd', 'utf8')): HostUser {
  const users = passwd.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    return name && uid && gid && Number(uid) > 0 ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
  for (const name of [...preferred, 'nobody']) {
    const user = users.find((candidate) => candidate.name === name);
    if (user) return user;
  }
  throw new Error('/etc/passwd has no unprivileged user such as "nobody" to run a server as');
}

interface Access {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Whether this user may pass through (search) a directory of this mode; owner, group and others exclude each other. */
export function maySearch(dir: Access, user: Pick<HostUser, 'uid' | 'gid'>): boolean {
  if (dir.uid === user.uid) return (dir.mode & 0o100) !== 0;
  if (dir.gid === user.gid) return (dir.mode & 0o010) !== 0;
  return (dir.mode & 0o001) !== 0;
}

/** Whether this user can get to `path`: every folder that exists on the way, `path` included, lets it through. */
export function canReach(path: string, user: Pick<HostUser, 'uid' | 'gid'>): boolean {
  for (let dir = resolve(path); ; dir = dirname(dir)) {
    const stat = statSync(dir, { throwIfNoEntry: false });
    if (stat?.isDirectory() && !maySearch(stat, user)) return false;
    if (dir === dirname(dir)) return true;
  }
}
