import { formatUsd } from '@apex/common';

export const count = (value: number): string => value.toLocaleString('en-US');

/** An amount of picodollars, exact: as many decimals as it has, and two at least. */
export function usd(amount: number | bigint): string {
  const [whole, decimals] = formatUsd(amount).replace('-', '').split('.') as [string, string];
  return `${amount < 0 ? '-' : ''}$${whole}.${decimals.slice(0, 2)}${decimals.slice(2).replace(/0+$/, '')}`;
}
