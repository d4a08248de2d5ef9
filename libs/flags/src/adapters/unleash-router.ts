import { PairCache } from '@apex/common';
import { Logger } from '@nestjs/common';
import { Unleash, UnleashEvents } from 'unleash-client';
import { GATEWAY_ENABLED } from '../core/definitions.js';
import { type Stickiness } from '../core/flag-state.js';
import { type Assignment, TrafficRouter, type TrafficSubject } from '../ports/traffic-router.js';
import { canBeHeld, generalPercentage, ROLLOUT_FEATURE, STICKINESS_PROPERTY, stickinessOf, type UnleashRepository } from './unleash-features.js';

const GATEWAY: Assignment = Object.freeze({ cohort: 'gateway' });
const FLAG_OFF: Assignment = Object.freeze({ cohort: 'direct', reason: 'flag_off' });
const NOT_IN_PERCENTAGE: Assignment = Object.freeze({ cohort: 'direct', reason: 'not_in_percentage' });
const NO_STICKINESS_ID: Assignment = Object.freeze({ cohort: 'direct', reason: 'no_stickiness_id' });

/** Entries per cache: some 200 bytes each, so about 10 MB when full. */
const CACHE_CAPACITY = 50_000;

/** Sessions are chosen by clients: a longer one is evaluated each time rather than held. */
const LONGEST_CACHED_KEY = 256;

/**
 * Every evaluation in Apex: flags and the traffic percentage, by unleash-client, over whichever repository it is given.
 * A repeated question is a Map lookup or two; all answers are forgotten when the repository says `changed`.
 */
export class UnleashRouter extends TrafficRouter {
  private readonly log = new Logger('Flags');
  private readonly unleash: Unleash;
  private readonly assignments = new PairCache<Assignment>(CACHE_CAPACITY);
  private readonly flags = new PairCache<boolean>(CACHE_CAPACITY);
  private stickiness: Stickiness | null = 'customer';

  /** Whether assignments depend on no more than their key in the cache says. */
  private holdsAssignments = true;

  constructor(repository: UnleashRepository, environment?: string) {
    super();
    this.unleash = new Unleash({
      appName: 'apex',
      ...(environment === undefined ? {} : { environment }),
      // The client insists on an address. With a repository of our own and no metrics it is never called.
      url: 'http://unleash.invalid/api/',
      repository,
      disableMetrics: true,
      metricsInterval: 0,
      disableAutoStart: true,
      skipInstanceCountWarning: true,
    });
    this.unleash.on(UnleashEvents.Error, (error: Error) => this.log.error(error.message));
    this.unleash.on(UnleashEvents.Changed, () => this.forget());
  }

  /** Resolves when the first state is in force. Until then every flag is off. */
  async start(): Promise<void> {
    await this.unleash.start();
  }

  /** Stops the repository. The last state goes on being served. */
  stop(): void {
    this.unleash.destroy();
  }

  /** `customerId` null asks for a customer who is on nobody's list. */
  isEnabled(name: string, customerId: string | null): boolean {
    const key = customerId ?? '';
    let answer = this.flags.get(name, key);
    if (answer === undefined) {
      answer = this.unleash.isEnabled(name, { userId: customerId ?? undefined, properties: { [STICKINESS_PROPERTY.customer]: customerId ?? undefined } });
      if (canBeHeld(this.unleash.getFeatureToggleDefinition(name))) this.flags.set(name, key, answer);
    }
    return answer;
  }

  /** The share of customers whom no constraint names, and what it is sticky to; `customer` when to nothing. */
  rollout(): { readonly gatewayPercentage: number; readonly stickiness: Stickiness } {
    return { gatewayPercentage: generalPercentage(this.unleash.getFeatureToggleDefinition(ROLLOUT_FEATURE)), stickiness: this.stickiness ?? 'customer' };
  }

  override assign(subject: TrafficSubject): Assignment {
    // The customer is always part of the question: lists are by customer.
    switch (this.stickiness) {
      case 'key':
        return this.cached(subject, subject.customerId, subject.keyId);
      case 'session':
        return this.cached(subject, subject.customerId, subject.session ?? '');
      case 'customer':
      case null:
        return this.cached(subject, '', subject.customerId);
    }
  }

  private cached(subject: TrafficSubject, group: string, key: string): Assignment {
    const known = this.assignments.get(group, key);
    if (known !== undefined) return known;
    const assignment = this.evaluate(subject);
    if (this.holdsAssignments && key.length <= LONGEST_CACHED_KEY) this.assignments.set(group, key, assignment);
    return assignment;
  }

  private evaluate(subject: TrafficSubject): Assignment {
    if (!this.isEnabled(GATEWAY_ENABLED, subject.customerId)) return FLAG_OFF;
    const { customerId, keyId } = subject;
    const session = subject.session ?? undefined;
    if (this.unleash.isEnabled(ROLLOUT_FEATURE, { userId: customerId, sessionId: session, properties: { customerId, keyId, session } })) return GATEWAY;
    return this.stickiness === 'session' && !session ? NO_STICKINESS_ID : NOT_IN_PERCENTAGE;
  }

  private forget(): void {
    this.assignments.clear();
    this.flags.clear();
    const rollout = this.unleash.getFeatureToggleDefinition(ROLLOUT_FEATURE);
    this.stickiness = stickinessOf(rollout);
    this.holdsAssignments = canBeHeld(rollout) && canBeHeld(this.unleash.getFeatureToggleDefinition(GATEWAY_ENABLED));
  }
}
