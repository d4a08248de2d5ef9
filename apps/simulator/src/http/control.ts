import { z } from 'zod';
import { type Engine } from '../core/engine.js';
import { FaultSyntaxError } from '../core/faults.js';
import { BodyNotJson, BodyTooLarge, type Exchange } from './exchange.js';

const rulesSchema = z.array(z.strictObject({ fault: z.string(), probability: z.number().min(0).max(1), model: z.string().optional() }));
const JSON_TYPE = { 'content-type': 'application/json' };
const RULES_LIMIT = 1_000_000;

/** The simulator's own endpoints under /__sim, for whoever runs it; no real provider has them. */
export async function control(exchange: Exchange, engine: Engine, inFlight: () => number): Promise<void> {
  switch (`${exchange.method} ${exchange.path}`) {
    case 'GET /__sim/ledger': return sendLedger(exchange, engine);
    case 'DELETE /__sim/ledger':
      engine.ledger.clear();
      return exchange.send(204, {}, '');
    case 'GET /__sim/status':
      return exchange.send(200, JSON_TYPE, JSON.stringify({ inFlight: inFlight(), ledgerEntries: engine.ledger.size, ledgerDropped: engine.ledger.dropped }));
    case 'GET /__sim/faults': return exchange.send(200, JSON_TYPE, JSON.stringify(engine.faults.rules));
    case 'PUT /__sim/faults': return putFaults(exchange, engine);
    case 'DELETE /__sim/faults':
      engine.faults.clear();
      return exchange.send(204, {}, '');
    default: return refuse(exchange, 404, 'The simulator has no such endpoint.');
  }
}

/** In pieces: a full ledger is longer than a string may be. */
async function sendLedger(exchange: Exchange, engine: Engine): Promise<void> {
  const lines = exchange.query('format') === 'jsonl';
  const rows = engine.ledger.entries();
  exchange.open(200, { 'content-type': lines ? 'application/x-ndjson' : 'application/json', 'x-ledger-dropped': engine.ledger.dropped });
  const perPiece = 1_000;
  let separator = lines ? '' : '[';
  for (let at = 0; at < rows.length; at += perPiece) {
    const piece = rows.slice(at, at + perPiece).map((row) => JSON.stringify(row)).join(lines ? '\n' : ',');
    if (!(await exchange.write(`${separator}${piece}${lines ? '\n' : ''}`))) return;
    separator = lines ? '' : ',';
  }
  exchange.finish(lines ? '' : rows.length === 0 ? '[]' : ']');
}

async function putFaults(exchange: Exchange, engine: Engine): Promise<void> {
  try {
    const rules = rulesSchema.safeParse(await exchange.readJson(RULES_LIMIT));
    if (!rules.success) return refuse(exchange, 400, z.prettifyError(rules.error));
    engine.faults.replaceRules(rules.data);
    exchange.send(200, JSON_TYPE, JSON.stringify(engine.faults.rules));
  } catch (error) {
    if (error instanceof FaultSyntaxError) return refuse(exchange, 400, error.message);
    if (error instanceof BodyNotJson || error instanceof BodyTooLarge) return refuse(exchange, 400, 'Expected a JSON array of at most 1 MB.');
    throw error;
  }
}

const refuse = (exchange: Exchange, status: number, message: string): void => exchange.send(status, JSON_TYPE, JSON.stringify({ error: { message } }));
