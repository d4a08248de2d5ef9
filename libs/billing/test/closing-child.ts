import { FakeClock } from '@apex/common';
import { connect, statementsOver } from './statement-books.js';

/** Closes a customer's period; the environment may have it killed on its way. Arguments: database, customer, period's start, now. */
const [url, customerId, start, now] = process.argv.slice(2) as [string, string, string, string];
const dataSource = await connect(url);
await statementsOver(dataSource, new FakeClock(Date.parse(now))).close(customerId, new Date(start), 'test');
await dataSource.destroy();
