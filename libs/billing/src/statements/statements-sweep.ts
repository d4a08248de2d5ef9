import { Logger } from '@nestjs/common';
import { ApexError } from '@apex/common';
import { type RecurringJob } from '@apex/queue';
import { type Statements } from './statements.service.js';

const ACTOR = 'system:statements';
const EVERY_MS = 10 * 60_000;

/**
 * Closes what is due, and what was missed before: a look at all customers, in whichever process has this turn. Two at once
 * do no harm, for a statement is closed under its customer's lock, once. What fails for one customer is told, and tried again
 * at the next turn; the others are not kept waiting.
 */
export class StatementsSweep implements RecurringJob {
  readonly name = 'close';
  readonly everyMs = EVERY_MS;
  private readonly log = new Logger('Statements');

  constructor(private readonly statements: Statements) {}

  /** @returns how many statements were closed */
  async run(goesOn: () => boolean): Promise<number> {
    let closed = 0;
    for (const customerId of await this.statements.customersDue()) {
      if (!goesOn()) return closed;
      try {
        closed += (await this.statements.closeDue(customerId, ACTOR)).length;
      } catch (error) {
        if (error instanceof ApexError && error.code === 'statement_being_closed') continue;
        this.log.error(`the statement of customer ${customerId} could not be closed: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    return closed;
  }
}
