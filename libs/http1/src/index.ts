export { HttpClient, type HttpClientOptions } from './client/http-client.js';
export { type CallControl, type CallEvents, type CallFailure } from './client/call.js';
export { type PoolStats } from './client/origin-pool.js';
export { type OutgoingRequest } from './core/outgoing-head.js';
export { type ResponseHeaders } from './core/response-fields.js';
export { FastLane, type FastLaneOptions, type LaneCounts } from './server/fast-lane.js';
export { type LaneExchange } from './server/lane-exchange.js';
export { type LaneBody } from './server/lane-request.js';
export { type LaneFault } from './server/lane-connection.js';
