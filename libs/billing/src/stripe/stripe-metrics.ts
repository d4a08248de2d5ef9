import { type GatewayMetrics } from '@apex/telemetry';
import { type StripeBacklog } from './stripe-backlog.js';
import { type StripeCounts } from './stripe-counts.js';

/**
 * What Prometheus sees of Stripe. What waits is the same in every process, read from Postgres when somebody asks; what was
 * sent and heard is each process' own count. No label holds a customer, an amount or an id of Stripe's.
 */
export function registerStripeMetrics(metrics: GatewayMetrics, counts: Pick<StripeCounts, 'sendings' | 'webhooks' | 'events'>, backlog: Pick<StripeBacklog, 'charges' | 'refused' | 'events' | 'comparison'>): void {
  const together = 'max';
  const charges = shared(() => backlog.charges());
  const events = shared(() => backlog.events());
  const comparison = shared(() => backlog.comparison());
  metrics.registerGauge('apex_stripe_charges', 'Charges that are not at Stripe: due; uncertain: asked for, without a known answer; held: not billed yet, or no account there', async () => {
    const { due, uncertain, held } = await charges();
    return Object.entries({ due, uncertain, held }).map(([state, value]) => ({ labels: { state }, value }));
  }, { labels: ['state'], together });
  metrics.registerGauge('apex_stripe_charges_age_seconds', 'How long the oldest charge has waited that is due or uncertain', async () => (await charges()).oldestSeconds, { together });
  metrics.registerGauge('apex_stripe_charges_refused', 'Charges that wait for a person, by why', async () => [...(await backlog.refused())].map(([code, value]) => ({ labels: { code }, value })), { labels: ['code'], together });
  metrics.registerGauge('apex_stripe_events_waiting', 'Events of Stripe that are not handled yet', async () => (await events()).waiting, { together });
  metrics.registerGauge('apex_stripe_events_age_seconds', 'How long the oldest event has waited that is not handled yet', async () => (await events()).oldestSeconds, { together });
  metrics.registerGauge('apex_stripe_differences', "Differences between our books and Stripe's, when they were last compared", async () => of(await comparison(), ({ differences }) => differences), { together });
  metrics.registerGauge('apex_stripe_comparison_age_seconds', "How long ago our books were last compared with Stripe's", async () => of(await comparison(), ({ ageSeconds }) => ageSeconds), { together });
  const counter = (name: string, help: string, label: string, read: ReadonlyMap<string, number>): void => metrics.registerCounter(name, help, () => [...read].map(([key, value]) => ({ labels: { [label]: key }, value })), { labels: [label] });
  counter('apex_stripe_sendings_total', 'Tries to get a charge or a final invoice to Stripe, by how they ended; found: an earlier one had arrived', 'result', counts.sendings);
  counter('apex_stripe_webhooks_total', 'Calls of the webhook, by what became of them', 'result', counts.webhooks);
  counter('apex_stripe_events_total', 'Tries to handle an event, by how they ended', 'outcome', counts.events);
}

const of = <T>(one: T | null, pick: (one: T) => number): { labels: Record<string, never>; value: number }[] => (one === null ? [] : [{ labels: {}, value: pick(one) }]);

/** Gauges of one scrape are read at once: whoever comes while the answer is under way has the same one. */
function shared<T>(read: () => Promise<T>): () => Promise<T> {
  let underWay: Promise<T> | null = null;
  return () => (underWay ??= read().finally(() => (underWay = null)));
}
