import { Foundation1795000000000 } from './1795000000000-Foundation.js';
import { WholeTables1795100000000 } from './1795100000000-WholeTables.js';
import { Receipts1796000000000 } from './1796000000000-Receipts.js';
import { RevocableSecrets1796100000000 } from './1796100000000-RevocableSecrets.js';
import { Policies1796200000000 } from './1796200000000-Policies.js';
import { TelemetryFeed1796300000000 } from './1796300000000-TelemetryFeed.js';
import { TiersAndLimits1796500000000 } from './1796500000000-TiersAndLimits.js';
import { RollupsAndLedger1796600000000 } from './1796600000000-RollupsAndLedger.js';
import { Statements1796700000000 } from './1796700000000-Statements.js';
import { Stripe1796800000000 } from './1796800000000-Stripe.js';
import { UnleashToggles1796900000000 } from './1796900000000-UnleashToggles.js';
import { StripeInvoicesInTheLedger1797000000000 } from './1797000000000-StripeInvoicesInTheLedger.js';
import { KeyOwnersAndSealingOrder1797100000000 } from './1797100000000-KeyOwnersAndSealingOrder.js';
import { ReceiptHashesInTheQueue1797200000000 } from './1797200000000-ReceiptHashesInTheQueue.js';

/** Every migration in the order of time. A new one is added here and never changed once it has landed. */
export const migrations = [Foundation1795000000000, WholeTables1795100000000, Receipts1796000000000, RevocableSecrets1796100000000, Policies1796200000000, TelemetryFeed1796300000000, TiersAndLimits1796500000000, RollupsAndLedger1796600000000, Statements1796700000000, Stripe1796800000000, UnleashToggles1796900000000, StripeInvoicesInTheLedger1797000000000, KeyOwnersAndSealingOrder1797100000000, ReceiptHashesInTheQueue1797200000000];
