import { maySearch, unprivilegedUser } from './unprivileged.js';

const PASSWD = ['root:x:0:0:root:/root:/bin/bash', 'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin', 'postgres:x:101:104::/var/lib/postgresql:/bin/bash', ''].join('\n');

describe('unprivilegedUser', () => {
  it('prefers the named user', () => expect(unprivilegedUser(['postgres'], PASSWD)).toEqual({ name: 'postgres', uid: 101, gid: 104 }));
  it('falls back to nobody', () => expect(unprivilegedUser(['redis'], PASSWD).name).toBe('nobody'));
  it('never answers with root', () => {
    expect(() => unprivilegedUser(['root'], 'root:x:0:0:root:/root:/bin/bash\n')).toThrow(/no unprivileged user/);
  });
});

describe('maySearch', () => {
  const user = { uid: 101, gid: 104 };
  it.each([
    ['others may', { mode: 0o755, uid: 0, gid: 0 }, true],
    ["root's own folder", { mode: 0o700, uid: 0, gid: 0 }, false],
    ['readable but not searchable', { mode: 0o744, uid: 0, gid: 0 }, false],
    ['the group may', { mode: 0o710, uid: 0, gid: 104 }, true],
    ['the group may not though others may', { mode: 0o701, uid: 0, gid: 104 }, false],
    ['the owner may', { mode: 0o700, uid: 101, gid: 0 }, true],
    ['the owner may not though others may', { mode: 0o055, uid: 101, gid: 104 }, false],
  ])('%s', (_, dir, expected) => expect(maySearch(dir, user)).toBe(expected));
});
