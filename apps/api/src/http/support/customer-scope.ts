import { type CallerContext, isOperator } from '@apex/auth';
import { invalid } from '@apex/common';

/** Whose requests a question is about: only an operator ever gets null, which is everybody's. @throws ApexError 400 when nobody's are meant */
export function customerScope(caller: CallerContext, requested: string | undefined): string | null {
  if (isOperator(caller)) return requested ?? null;
  const own = caller.kind === 'operator' ? null : caller.customerId;
  if (own === null) throw invalid('Say for which customer: ?customerId=', 'customerId');
  return own;
}
