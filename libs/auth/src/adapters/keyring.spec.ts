import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKeyring } from './keyring.js';
import { writeSecretFile } from './secret-files.js';

const context = { rowId: 'r', customerId: null, provider: 'openai' };
const nonce = (): Buffer => randomBytes(12);

describe('the keyring and its files', () => {
  let home: string;
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'apex-keyring-'));
  });
  afterEach(() => rm(home, { recursive: true }));

  it('makes a key once, for its owner only, whole even when several processes start at once', async () => {
    const boxes = await Promise.all(Array.from({ length: 8 }, () => openKeyring({ home })));
    const sealed = boxes[0]!.seal('sk-secret', context, nonce());
    for (const box of [...boxes, await openKeyring({ home })]) expect(box.open(sealed, context)).toBe('sk-secret');
    expect((await stat(join(home, 'secret.key'))).mode & 0o777).toBe(0o600);
    expect(await readdir(home)).toEqual(['secret.key']);
  });

  it('takes the key from the environment, and still opens what the file and old keys sealed', async () => {
    const fromFile = (await openKeyring({ home })).seal('file', context, nonce());
    const [first, second] = [randomBytes(32).toString('base64'), randomBytes(32).toString('base64')];
    const fromFirst = (await openKeyring({ home, encryptionKey: first })).seal('first', context, nonce());
    const box = await openKeyring({ home, encryptionKey: second, oldEncryptionKeys: [first] });
    expect([box.open(fromFile, context), box.open(fromFirst, context)]).toEqual(['file', 'first']);
  });

  it('does not make up a key in place of a broken one', async () => {
    await writeFile(join(home, 'secret.key'), 'c2hvcnQ=\n');
    await expect(openKeyring({ home })).rejects.toThrow(/secret\.key is not base64 of 32 bytes/);
  });

  it('replaces a secret file as a whole and makes it private', async () => {
    const path = join(home, 'credentials.json');
    await writeFile(path, 'old');
    await chmod(path, 0o644);
    await writeSecretFile(path, 'new');
    expect([await readFile(path, 'utf8'), (await stat(path)).mode & 0o777]).toEqual(['new', 0o600]);
  });
});
