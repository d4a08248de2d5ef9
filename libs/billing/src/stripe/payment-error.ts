import { ApexError } from '@apex/common';
import { type FailureKind } from '../core/stripe/sending.js';

/** What a call to the payment provider came to, when it came to nothing good. */
export class PaymentError extends Error {
  constructor(
    readonly kind: FailureKind,
    /** The provider's own code, e.g. `resource_missing`. */
    readonly code: string | null,
    message: string,
    cause?: unknown,
  ) {
    super(message, { cause });
    this.name = 'PaymentError';
  }
}

/** As an answer for whoever asked for what needed the call. */
export function asApexError(error: unknown): unknown {
  if (!(error instanceof PaymentError)) return error;
  switch (error.kind) {
    case 'unreachable':
    case 'server_error':
    case 'key_in_use':
    case 'rate_limited':
      return new ApexError('payment_provider_unavailable', 503, 'Stripe could not be reached or has trouble; nothing was changed here. Try again.', { severity: 'operational', cause: error });
    case 'unauthorized':
      return new ApexError('payment_provider_refuses_us', 503, 'Stripe does not accept our key.', { severity: 'operational', cause: error });
    case 'declined':
      return new ApexError('payment_declined', 402, `The payment was declined: ${error.message}`, { cause: error });
    case 'missing':
      return new ApexError('missing_at_stripe', 409, `Stripe does not know it: ${error.message}`, { cause: error });
    case 'invalid':
    case 'key_conflict':
      return new ApexError('payment_provider_refused', 409, `Stripe refused: ${error.message}`, { cause: error });
  }
}

export const billingNotConfigured = (): ApexError => new ApexError('billing_not_configured', 409, 'This Apex has no STRIPE_SECRET_KEY.');
