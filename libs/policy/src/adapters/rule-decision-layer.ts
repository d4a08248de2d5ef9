import { type FlagDefinition, type FlagsService } from '@apex/flags';
import { type Mechanism, MECHANISMS } from '@apex/usage';
import { type PolicySnapshot } from '../core/policy-document.js';
import { decideByRules } from '../core/rule-decision.js';
import { type Decision, DecisionLayer, type DecisionRequest, type Reason } from '../ports/decision-layer.js';

const killSwitch = (mechanism: Mechanism): string => `kill_${mechanism}`;

/** One per mechanism; on means: it acts for nobody, from within a second on, whatever any policy says. */
export const KILL_SWITCHES: readonly FlagDefinition[] = MECHANISMS.map((mechanism) => ({ name: killSwitch(mechanism), description: `Stops ${mechanism} for everybody, whatever any policy says.` }));

/** The decision layer that needs no agents: the policy's knobs and the kill switches. */
export class RuleDecisionLayer extends DecisionLayer {
  constructor(private readonly flags: Pick<FlagsService, 'isEnabled'>) {
    super();
  }

  decide(request: DecisionRequest, policy: PolicySnapshot): Decision {
    return this.explain(request, policy).decision;
  }

  explain(request: DecisionRequest, policy: PolicySnapshot): { readonly decision: Decision; readonly reasons: readonly Reason[] } {
    return decideByRules(request, policy, (mechanism) => this.flags.isEnabled(killSwitch(mechanism)));
  }
}
