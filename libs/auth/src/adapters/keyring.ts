import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { MASTER_KEY_BYTES } from '../core/content-box.js';
import { SecretBox } from '../core/secret-box.js';
import { readFileIfAny, readOrMakeSecretFile } from './secret-files.js';

export interface KeyringOptions {
  readonly home: string;
  /** base64 of 32 bytes; without it the key lives in `home/secret.key`, made on first need. */
  readonly encryptionKey?: string;
  /** Earlier ones, which still open what they sealed. */
  readonly oldEncryptionKeys?: readonly string[];
}

/**
 * The box for provider keys. With a key from the environment, `home/secret.key` still opens what it sealed, so that
 * moving the key out of the file loses nothing.
 */
export async function openKeyring({ home, encryptionKey, oldEncryptionKeys = [] }: KeyringOptions): Promise<SecretBox> {
  const path = join(home, 'secret.key');
  const old = oldEncryptionKeys.map((key) => decodeKey(key, 'an old encryption key'));
  if (encryptionKey === undefined) {
    const text = await readOrMakeSecretFile(path, () => `${randomBytes(MASTER_KEY_BYTES).toString('base64')}\n`);
    return new SecretBox(decodeKey(text.trim(), path), old);
  }
  const onDisk = await readFileIfAny(path);
  return new SecretBox(decodeKey(encryptionKey, 'the encryption key'), onDisk === null ? old : [...old, decodeKey(onDisk.trim(), path)]);
}

function decodeKey(text: string, where: string): Buffer {
  const key = Buffer.from(text, 'base64');
  if (key.length !== MASTER_KEY_BYTES || key.toString('base64') !== text) throw new Error(`${where} is not base64 of ${MASTER_KEY_BYTES} bytes`);
  return key;
}
