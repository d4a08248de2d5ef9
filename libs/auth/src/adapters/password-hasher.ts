import { randomBytes, scrypt, timingSafeEqual, type ScryptOptions } from 'node:crypto';
import { ApexError } from '@apex/common';

export interface ScryptCost {
  /** log2 of scrypt's N. */
  readonly logN: number;
  readonly r: number;
  readonly p: number;
}

/** OWASP's password storage cheat sheet, one of its equivalent settings: 32 MiB for each hash. */
const COST: ScryptCost = { logN: 15, r: 8, p: 3 };
const HASH_BYTES = 32;
const SALT_BYTES = 16;
/** Waiting hashes are requests held open; past this a sign-in is refused rather than queued. */
const MOST_WAITING = 16;

const STORED = /^scrypt\$(\d{1,2})\$(\d{1,2})\$(\d{1,2})\$([\w-]+)\$([\w-]+)$/;

/**
 * Passwords by scrypt (RFC 7914). The parameters stand in each hash, so they can be raised without losing old ones.
 * One hash runs at a time: the thread pool that it occupies is also the one that writes the journal.
 */
export class PasswordHasher {
  private tail: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(private readonly cost: ScryptCost = COST) {}

  async hash(password: string): Promise<string> {
    const salt = randomBytes(SALT_BYTES);
    return encode(this.cost, salt, await this.derive(password, salt, this.cost, HASH_BYTES));
  }

  /** Whether the password is the one. Without a stored hash it works as long as with one, and says no. */
  async verify(password: string, stored: string | null): Promise<boolean> {
    const parts = STORED.exec(stored ?? this.decoy());
    if (!parts) throw new Error('a stored password hash has an unknown form');
    const [, logN, r, p, salt = '', hash = ''] = parts;
    const expected = Buffer.from(hash, 'base64url');
    const derived = await this.derive(password, Buffer.from(salt, 'base64url'), { logN: Number(logN), r: Number(r), p: Number(p) }, expected.length);
    return timingSafeEqual(derived, expected) && stored !== null;
  }

  /** A hash of nothing, to work on when there is none. */
  private decoy(): string {
    return encode(this.cost, randomBytes(SALT_BYTES), randomBytes(HASH_BYTES));
  }

  private derive(password: string, salt: Buffer, { logN, r, p }: ScryptCost, length: number): Promise<Buffer> {
    if (this.waiting >= MOST_WAITING) throw new ApexError('sign_in_busy', 429, 'Too many sign-ins at once.', { details: { retryAfterSeconds: 2 } });
    this.waiting++;
    const options: ScryptOptions = { N: 2 ** logN, r, p, maxmem: 256 * r * 2 ** logN };
    const run = (): Promise<Buffer> =>
      new Promise((resolve, reject) => scrypt(password.normalize('NFKC'), salt, length, options, (error, key) => (error ? reject(error) : resolve(key))));
    const result = this.tail.then(run).finally(() => this.waiting--);
    this.tail = result.catch(() => undefined);
    return result;
  }
}

const encode = ({ logN, r, p }: ScryptCost, salt: Buffer, derived: Buffer): string => `scrypt$${logN}$${r}$${p}$${salt.toString('base64url')}$${derived.toString('base64url')}`;
