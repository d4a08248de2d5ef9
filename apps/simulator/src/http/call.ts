import { type Engine } from '../core/engine.js';
import { type Attempt } from './attempt.js';
import { type Exchange } from './exchange.js';

/** An authenticated call of a billable endpoint. */
export interface Call {
  readonly exchange: Exchange;
  readonly attempt: Attempt;
  readonly engine: Engine;
  /** The API key: prompt caches are not shared between keys. */
  readonly caller: string;
  /** The request's parsed JSON: an object. */
  readonly body: object;
}
