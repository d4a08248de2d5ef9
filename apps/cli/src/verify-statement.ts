import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { Failure } from './failure.js';
import { verify } from './verify-statement/verify.js';

const USAGE = 'Usage: apex verify-statement STATEMENT.json RECEIPTS.jsonl [--previous STATEMENT.json]';
/** Said of one statement; the rest would be the same again. */
const FINDINGS_SHOWN = 20;

/**
 * Computes a statement again from its receipts, on this machine, with none of the code that wrote it.
 * @returns 0 where every figure is what it should be, 1 where one is not
 * @throws Failure for arguments or files that cannot be used
 */
export async function verifyStatement(args: readonly string[]): Promise<number> {
  const { statement, receipts, previous } = parse(args);
  const before = previous === undefined ? null : await read(previous);
  const { findings, statementHash, receipts: count, armsChecked } = await verify(await read(statement), linesOf(receipts), before);
  if (findings.length > 0) {
    console.error(`WRONG: ${statement} does not hold.`);
    for (const finding of findings.slice(0, FINDINGS_SHOWN)) console.error(`  ${finding}`);
    if (findings.length > FINDINGS_SHOWN) console.error(`  and ${findings.length - FINDINGS_SHOWN} more`);
    return 1;
  }
  console.log(`OK: every figure of ${statement} follows from ${count} receipts.`);
  console.log(`  statement hash  ${statementHash}`);
  console.log(`  arms assigned again with the published secret: ${armsChecked} of ${count}`);
  if (before === null) console.log('  what it takes over from the statement before it was not compared: --previous does that');
  return 0;
}

function parse(args: readonly string[]): { statement: string; receipts: string; previous: string | undefined } {
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], allowPositionals: true, options: { previous: { type: 'string' } } });
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n${USAGE}`);
  }
  const [statement, receipts, ...more] = parsed.positionals;
  if (statement === undefined || receipts === undefined || more.length > 0) throw new Failure(USAGE);
  return { statement, receipts, previous: parsed.values.previous };
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    throw new Failure(`${file} cannot be read: ${(error as Error).message}`);
  }
}

/** The file's lines as bytes, for each byte counts; every one ends with a line feed, the last one too. */
export async function* linesOf(file: string): AsyncGenerator<Buffer> {
  let rest: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      let from = 0;
      for (let at = chunk.indexOf(0x0a); at >= 0; from = at + 1, at = chunk.indexOf(0x0a, from)) {
        yield Buffer.concat([...rest, chunk.subarray(from, at)]);
        rest = [];
      }
      if (from < chunk.length) rest.push(chunk.subarray(from));
    }
  } catch (error) {
    throw new Failure(`${file} cannot be read: ${(error as Error).message}`);
  }
  if (rest.length > 0) throw new Failure(`${file} is cut off: its last line does not end.`);
}
