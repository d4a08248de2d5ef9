import { type Fields, isFields } from '@apex/common';
import { ProtocolViolation } from './codec.js';

/** The object that an event of a provider's stream holds. @throws ProtocolViolation */
export function parseEventData(data: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw new ProtocolViolation('An event of the stream is not JSON.');
  }
  if (!isFields(value)) throw new ProtocolViolation('An event of the stream is not a JSON object.');
  return value;
}
