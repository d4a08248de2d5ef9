import { ContentBox } from './content-box.js';

/** Which row a secret belongs to; it opens for that row only. */
export interface SecretContext {
  readonly rowId: string;
  readonly customerId: string | null;
  readonly provider: string;
}

/** Secrets at rest, each bound to its row. Seals with the current master key, opens with the current one and the old ones. */
export class SecretBox {
  private readonly box: ContentBox;

  constructor(current: Buffer, old: readonly Buffer[] = []) {
    this.box = new ContentBox(current, old);
  }

  /** @param nonce `NONCE_BYTES` of fresh randomness; never use one twice */
  seal(secret: string, context: SecretContext, nonce: Buffer): Buffer {
    return this.box.seal(Buffer.from(secret), contextText(context), nonce);
  }

  /** @throws SecretBoxError for a ciphertext that was changed, belongs to another row or needs a key we do not have */
  open(sealed: Buffer, context: SecretContext): string {
    return this.box.open(sealed, contextText(context)).toString('utf8');
  }

  /** What the current master key is called by in ciphertexts. It tells nothing of the key. */
  get currentKeyId(): string {
    return this.box.currentKeyId;
  }

  /** Boxes for other content, under keys that are derived from the master keys. */
  boxFor(purpose: string): ContentBox {
    return this.box.derive(purpose);
  }
}

const contextText = ({ rowId, customerId, provider }: SecretContext): string => JSON.stringify([rowId, customerId, provider]);
