import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { Failure } from './failure.js';

/** The lines of a file that hold something, gzipped or not (told by its first bytes), with their numbers. */
export async function* linesOf(file: string): AsyncGenerator<{ readonly line: string; readonly lineNo: number }> {
  let lineNo = 0;
  try {
    for await (const line of createInterface({ input: await open(file), crlfDelay: Infinity })) {
      lineNo++;
      if (line.trim() !== '') yield { line, lineNo };
    }
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${file} cannot be read: ${(error as Error).message}`);
  }
}

/** @throws Failure naming the line */
export function parseLine(line: string, lineNo: number): unknown {
  try {
    return JSON.parse(line) as unknown;
  } catch {
    throw new Failure(`Line ${lineNo} is not JSON.`);
  }
}

async function open(file: string): Promise<NodeJS.ReadableStream> {
  const head = createReadStream(file, { end: 1 });
  let start = Buffer.alloc(0);
  for await (const chunk of head) start = Buffer.concat([start, chunk as Buffer]);
  const input = createReadStream(file);
  if (start[0] !== 0x1f || start[1] !== 0x8b) return input;
  // RFC 1952, 2.3.1: a gzip member starts with 1f 8b. `pipe` passes no errors on.
  const plain = createGunzip();
  input.on('error', (error) => plain.destroy(error));
  return input.pipe(plain);
}
