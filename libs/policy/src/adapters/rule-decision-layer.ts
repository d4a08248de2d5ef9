import { type FlagDefinition, type FlagsService } from '@apex/flags';
import { type Mechanism, MECHANISMS } from '@apex/usage';
import { type PolicySnapshot } from '../core/policy-document.js';
import { decideByRules, type IsKilled, reasonsByRules } from '../core/rule-decision.js';
import { type Decision, DecisionLayer, type DecisionRequest, type Reason } from '../ports/decision-layer.js';

/** Asked for with each request: their names are not made anew. */
const KILL_SWITCH = Object.fromEntries(MECHANISMS.map((mechanism) => [mechanism, `kill_${mechanism}`])) as Readonly<Record<Mechanism, string>>;

/** One per mechanism; on means: it acts for nobody, from within a second on, whatever any policy says. */
export const KILL_SWITCHES: readonly FlagDefinition[] = MECHANISMS.map((mechanism) => ({ name: KILL_SWITCH[mechanism], description: `Stops ${mechanism} for everybody, whatever any policy says.` }));

/** The decision layer that needs no agents: the policy's knobs and the kill switches. */
export class RuleDecisionLayer extends DecisionLayer {
  private readonly isKilled: IsKilled;

  constructor(flags: Pick<FlagsService, 'isEnabled'>) {
    super();
    this.isKilled = (mechanism) => flags.isEnabled(KILL_SWITCH[mechanism]);
  }

  decide(request: DecisionRequest, policy: PolicySnapshot): Decision {
    return decideByRules(request, policy, this.isKilled);
  }

  explain(request: DecisionRequest, policy: PolicySnapshot): { readonly decision: Decision; readonly reasons: readonly Reason[] } {
    return { decision: this.decide(request, policy), reasons: reasonsByRules(request, policy, this.isKilled) };
  }
}
