import { type TrafficRouter } from '@apex/flags';
import { scanTopLevel, splice } from '../json/top-level.js';
import { type Admitted, type Authenticated, type Cohort, type Decided } from '../types.js';

/** Which path a request takes, and why where it is not the gateway. */
export function assignCohort(request: Authenticated, traffic: TrafficRouter): Cohort {
  if (request.path === 'direct') return { cohort: 'direct', reason: 'direct_path' };
  const assignment = traffic.assign({ customerId: request.key.customerId, keyId: request.key.keyId, session: request.labels.session });
  return assignment.cohort === 'gateway' ? { cohort: 'gateway', reason: null } : assignment;
}

/**
 * What will be sent to the provider. On both paths a stream is asked for its usage, for a bill that nobody tells
 * cannot be recorded; apart from that, and from a provider's prefix on the model, the client's bytes go as they came.
 */
export function decide(request: Admitted, traffic: TrafficRouter): Decided {
  const stripUsageChunk = request.call.stream && !request.call.wantsUsageChunk && request.provider.streamUsage;
  let upstreamBody = request.body;
  if (request.upstreamModel !== request.call.model) upstreamBody = replaceMember(upstreamBody, 'model', JSON.stringify(request.upstreamModel));
  if (stripUsageChunk) upstreamBody = askForUsage(upstreamBody, request.call.hasStreamOptions);
  return { ...request, ...assignCohort(request, traffic), upstreamBody, stripUsageChunk };
}

function askForUsage(body: Buffer, hasStreamOptions: boolean): Buffer {
  if (!hasStreamOptions) {
    const start = body.indexOf(0x7b) + 1;
    return splice(body, start, start, '"stream_options":{"include_usage":true},');
  }
  const span = scanTopLevel(body)!.members.get('stream_options')!;
  const given = JSON.parse(body.toString('utf8', span.valueStart, span.valueEnd)) as object | null;
  return splice(body, span.valueStart, span.valueEnd, JSON.stringify({ ...given, include_usage: true }));
}

function replaceMember(body: Buffer, name: string, json: string): Buffer {
  const span = scanTopLevel(body)!.members.get(name)!;
  return splice(body, span.valueStart, span.valueEnd, json);
}
