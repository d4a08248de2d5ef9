import { type KeyObject, createCipheriv, createDecipheriv, createHash, createSecretKey, hkdfSync } from 'node:crypto';

/**
 * Content at rest: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce and a 128-bit tag.
 * Layout: version (1 byte) | id of the key (8) | nonce (12) | ciphertext | tag (16).
 * Header and context are authenticated, so that a ciphertext can be moved neither to another place nor to another key.
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

/** Seals bytes with the current key, opens with the current one and the old ones. */
export class ContentBox {
  /** As objects: a cipher that is given a key's bytes makes one first, which takes several times as long as the cipher. */
  private readonly keys: ReadonlyMap<string, KeyObject>;
  private readonly currentKey: KeyObject;
  private readonly currentId: Buffer;
  private readonly header: Buffer;

  constructor(
    private readonly current: Buffer,
    private readonly old: readonly Buffer[] = [],
  ) {
    for (const key of [current, ...old]) {
      if (key.length !== MASTER_KEY_BYTES) throw new RangeError(`a master key has ${MASTER_KEY_BYTES} bytes`);
    }
    this.currentId = keyId(current);
    this.header = Buffer.concat([Buffer.of(VERSION), this.currentId]);
    this.currentKey = createSecretKey(current);
    this.keys = new Map([...old, current].map((key) => [keyId(key).toString('hex'), createSecretKey(key)]));
  }

  /** What the current key is called by in ciphertexts. It tells nothing of the key. */
  get currentKeyId(): string {
    return this.currentId.toString('hex');
  }

  /** A box with keys of its own, which tell nothing of ours: HKDF-SHA256 (RFC 5869) with the purpose as its info. */
  derive(purpose: string): ContentBox {
    const derived = (key: Buffer): Buffer => Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), `apex ${purpose}`, MASTER_KEY_BYTES));
    return new ContentBox(derived(this.current), this.old.map(derived));
  }

  /**
   * @param context where the content belongs; it opens for that place only
   * @param nonce `NONCE_BYTES` of fresh randomness; never use one twice
   */
  seal(content: Buffer, context: string, nonce: Buffer): Buffer {
    const { header } = this;
    const cipher = createCipheriv('aes-256-gcm', this.currentKey, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(associatedData(header, context));
    return Buffer.concat([header, nonce, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
  }

  /** @throws SecretBoxError for a ciphertext that was changed, belongs elsewhere or needs a key we do not have */
  open(sealed: Buffer, context: string): Buffer {
    if (sealed.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES) throw new SecretBoxError('the ciphertext is too short');
    if (sealed[0] !== VERSION) throw new SecretBoxError('the ciphertext has an unknown version');
    const header = sealed.subarray(0, HEADER_BYTES);
    const id = header.subarray(1).toString('hex');
    const key = this.keys.get(id);
    if (!key) throw new SecretBoxError(`the key ${id} is not in the keyring`);
    const nonce = sealed.subarray(HEADER_BYTES, HEADER_BYTES + NONCE_BYTES);
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(associatedData(header, context));
    decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(HEADER_BYTES + NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
    } catch {
      throw new SecretBoxError('the ciphertext was changed or belongs elsewhere');
    }
  }
}

/** Which key has sealed it, by the header alone; null for what is no ciphertext of ours. */
export const sealedBy = (sealed: Buffer): string | null =>
  sealed.length < HEADER_BYTES + NONCE_BYTES + TAG_BYTES || sealed[0] !== VERSION ? null : sealed.subarray(1, HEADER_BYTES).toString('hex');

/** Names a key without telling anything about it. */
const keyId = (key: Buffer): Buffer => createHash('sha256').update('apex master key id\0').update(key).digest().subarray(0, KEY_ID_BYTES);

const associatedData = (header: Buffer, context: string): Buffer => Buffer.concat([header, Buffer.from(context)]);
