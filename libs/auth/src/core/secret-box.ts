import { createCipheriv, createDecipheriv, createHash } from 'node:crypto';

/**
 * Secrets at rest: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce and a 128-bit tag.
 * Layout: version (1 byte) | id of the master key (8) | nonce (12) | ciphertext | tag (16).
 * Header and context are authenticated, so that a ciphertext can be moved neither to another row nor to another key.
 */
const VERSION = 1;
const KEY_ID_BYTES = 8;
const HEADER_BYTES = 1 + KEY_ID_BYTES;
export const NONCE_BYTES = 12;
const TAG_BYTES = 16;
export const MASTER_KEY_BYTES = 32;

/** A ciphertext that cannot be opened. The message says why, and nothing of the content. */
export class SecretBoxError extends Error {
  override readonly name = 'SecretBoxError';
}

/** Which row a secret belongs to; it opens for that row only. */
export interface SecretContext {
  readonly rowId: string;
  readonly customerId: string | null;
  readonly provider: string;
}

/** Seals with the current master key, opens with the current one and the old ones. */
export class SecretBox {
  private readonly keys: ReadonlyMap<string, Buffer>;
  private readonly currentId: Buffer;

  constructor(
    private readonly current: Buffer,
    old: readonly Buffer[] = [],
  ) {
    for (const key of [current, ...old]) {
      if (key.length !== MASTER_KEY_BYTES) throw new RangeError(`a master key has ${MASTER_KEY_BYTES} bytes`);
    }
    this.currentId = masterKeyId(current);
    this.keys = new Map([...old, current].map((key) => [masterKeyId(key).toString('hex'), key]));
  }

  /** @param nonce `NONCE_BYTES` of fresh randomness; never use one twice */
  seal(secret: string, context: SecretContext, nonce: Buffer): Buffer {
    const header = Buffer.concat([Buffer.of(VERSION), this.currentId]);
    const cipher = createCipheriv('aes-256-gcm', this.current, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(associatedData(header, context));
    return Buffer.concat([header, nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  }

  /** @throws SecretBoxError for a ciphertext that was changed, belongs to another row or needs a key we do not have */
  open(sealed: Buffer, context: SecretContext): string {
    if (sealed.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES) throw new SecretBoxError('the ciphertext is too short');
    if (sealed[0] !== VERSION) throw new SecretBoxError('the ciphertext has an unknown version');
    const header = sealed.subarray(0, HEADER_BYTES);
    const keyId = header.subarray(1).toString('hex');
    const key = this.keys.get(keyId);
    if (!key) throw new SecretBoxError(`the master key ${keyId} is not in the keyring`);
    const nonce = sealed.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(associatedData(header, context));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(HEADER_BYTES + NONCE_BYTES, -TAG_BYTES)), decipher.final()]).toString('utf8');
    } catch {
      throw new SecretBoxError('the ciphertext was changed or belongs to another row');
    }
  }
}

/** Names a master key without telling anything about it. */
const masterKeyId = (key: Buffer): Buffer => createHash('sha256').update('apex master key id\0').update(key).digest().subarray(0, KEY_ID_BYTES);

const associatedData = (header: Buffer, { rowId, customerId, provider }: SecretContext): Buffer =>
  Buffer.concat([header, Buffer.from(JSON.stringify([rowId, customerId, provider]))]);
