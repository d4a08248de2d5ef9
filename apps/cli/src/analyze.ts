import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { GenaiPriceBook } from '@apex/llm';
import { readCall } from './analyze/logged-call.js';
import { asJson, asPage, asText, type Report } from './analyze/report.js';
import { WhatIf } from './analyze/what-if.js';
import { Failure } from './failure.js';
import { linesOf, parseLine } from './jsonl.js';

const USAGE = 'Usage: apex analyze FILE [--json OUT] [--html OUT] [--ttl SECONDS]';
const PREFIX_TTL_MS = 5 * 60_000;

/**
 * Reads a log of calls to models and says what Apex would have saved. All of it happens on this machine: nothing is sent.
 * @throws Failure for arguments or a file that cannot be used
 */
export async function analyze(args: readonly string[]): Promise<number> {
  const { file, json, html, ttlSeconds } = parse(args);
  const whatIf = new WhatIf(new GenaiPriceBook(), { exactTtlMs: ttlSeconds * 1_000, prefixTtlMs: PREFIX_TTL_MS });
  const formats = new Set<string>();
  const skipped: Record<string, number> = {};
  let lines = 0;
  for await (const { line, lineNo } of linesOf(file)) {
    lines++;
    const reading = readCall(parseLine(line, lineNo));
    if (reading.ok) {
      formats.add(reading.format);
      whatIf.add(reading.call);
    } else skipped[reading.reason] = (skipped[reading.reason] ?? 0) + 1;
  }
  if (lines === 0) throw new Failure(`${file} holds no calls.`);
  const report: Report = { file: basename(file), formats: [...formats], skipped, analysis: whatIf.result() };
  if (formats.size === 0) throw new Failure(`${file} holds no call that was understood: of ${lines} lines ${JSON.stringify(skipped)}. It wants calls with a model, messages and token counts, as OpenAI-style pairs, LiteLLM, Helicone or Langfuse write them.`);
  if (json !== undefined) await writeFile(json, asJson(report));
  if (html !== undefined) await writeFile(html, asPage(report));
  console.log(asText(report));
  return 0;
}

function parse(args: readonly string[]): { file: string; json: string | undefined; html: string | undefined; ttlSeconds: number } {
  let parsed;
  try {
    parsed = parseArgs({ args: [...args], allowPositionals: true, options: { json: { type: 'string' }, html: { type: 'string' }, ttl: { type: 'string', default: '86400' } } });
  } catch (error) {
    throw new Failure(`${(error as Error).message}\n${USAGE}`);
  }
  const [file, ...more] = parsed.positionals;
  const { json, html, ttl } = parsed.values;
  if (file === undefined || more.length > 0 || !/^[1-9]\d{0,8}$/.test(ttl)) throw new Failure(USAGE);
  return { file, json, html, ttlSeconds: Number(ttl) };
}
