import { type ClientSpec } from './client.js';
import { type Miscounted, type NotApplicable, type Refused } from './expectations.js';
import { type Feature } from './features.js';
import { type ProviderSpec, protocolBetween } from './providers.js';

export type Outcome = 'pass' | 'refused' | 'miscounted' | 'n.a.';

/** What a run found, by client, provider and feature. */
export class Results {
  private readonly cells = new Map<string, Outcome>();

  note(client: ClientSpec, provider: ProviderSpec, feature: Feature, outcome: Outcome): void {
    this.cells.set(keyOf(client, provider, feature), outcome);
  }

  of(client: ClientSpec, provider: ProviderSpec, feature: Feature): Outcome | undefined {
    return this.cells.get(keyOf(client, provider, feature));
  }

  get count(): number {
    return this.cells.size;
  }
}

const keyOf = (client: ClientSpec, provider: ProviderSpec, feature: Feature): string => `${client.name}\n${provider.name}\n${feature.name}`;

interface ReportInput {
  readonly clients: readonly ClientSpec[];
  readonly providers: readonly ProviderSpec[];
  readonly features: readonly Feature[];
  readonly results: Results;
  readonly refused: readonly Refused[];
  readonly notApplicable: readonly NotApplicable[];
  readonly miscounted: readonly Miscounted[];
  /** By npm's name. */
  readonly versions: Readonly<Record<string, string>>;
}

/** `docs/compatibility.md`: the same results give the same text. */
export function reportOf(input: ReportInput): string {
  const { clients, providers, versions } = input;
  const packages = [...new Set(clients.map((client) => client.package))];
  return [
    '# What works with what',
    'Written by `test/e2e/matrix`, which runs each cell: the client as its users have it, through Apex, to a simulated provider of that kind. A test fails when this page and a run disagree.',
    '',
    `Clients: ${packages.map((name) => `\`${name}\` ${versions[name]}`).join(', ')}, \`ai\` ${versions['ai']}.`,
    '',
    `Providers: ${providers.map(({ name, model, protocols }) => `\`${name}\` (${protocols.join(', ')}; ${model})`).join(', ')}.`,
    '',
    '| Mark | Meaning |',
    '|-|-|',
    '| ● | works; client and provider speak one protocol, and bytes pass as they came |',
    '| ○ | works, translated |',
    '| R | refused by name: `400 unsupported_by_provider`; see below |',
    '| C | told correctly, and read wrongly by the client; see below |',
    '| - | the client has no such thing; see below |',
    '',
    ...clients.flatMap((client) => tableOf(client, input)),
    ...notesOf(input),
  ].join('\n');
}

function tableOf(client: ClientSpec, { providers, features, results }: ReportInput): string[] {
  const mark = (provider: ProviderSpec, feature: Feature): string => {
    switch (results.of(client, provider, feature)) {
      case 'pass':
        return SPOKEN[client.surface] === protocolBetween(client, provider) ? '●' : '○';
      case 'refused':
        return 'R';
      case 'miscounted':
        return 'C';
      case 'n.a.':
        return '-';
      case undefined:
        throw new Error(`${client.name}, ${provider.name}, ${feature.name} was not run`);
    }
  };
  return [
    `## ${client.name}`,
    `\`${client.package}\` on \`${client.surface}\``,
    '',
    `| | ${providers.map(({ name }) => name).join(' | ')} |`,
    `|-|${providers.map(() => '-').join('|')}|`,
    ...features.map((feature) => `| ${feature.name} | ${providers.map((provider) => mark(provider, feature)).join(' | ')} |`),
    '',
  ];
}

const SPOKEN: Readonly<Record<ClientSpec['surface'], string>> = { '/v1/chat/completions': 'openai-chat', '/v1/responses': 'openai-responses', '/v1/messages': 'anthropic-messages' };

const notesOf = ({ refused, notApplicable, miscounted }: ReportInput): string[] => [
  '## Notes',
  ...refused.map(({ client, providers, features, param, why }) => `- Refused: ${client} to ${providers.join(', ')}: ${features.join(', ')}, with \`param\` ${inWords(param)}: ${why}.`),
  ...miscounted.map(({ client, features, why }) => `- The client's own: ${features.join(', ')} with ${client}: ${why}.`),
  ...notApplicable.map(({ clients, features, why }) => `- Not there: ${features.join(', ')} with ${clients.join('; ')}: ${why}.`),
  '- `streamed tool calls`: the arguments come in as many pieces as the provider writes. Gemini writes them in one.',
  '- `@google/genai` and the Google clients of LangChain and the `ai` SDK are not among the clients: Apex has no surface of Gemini\'s. As a provider Gemini is the last column.',
  '- `error classes`: 429, 500, 404 and 401 raise the class, or carry the mark, that the SDK has for them, whole and streamed.',
  '',
];

const inWords = (param: RegExp): string => `\`${param.source.replace(/^\^|\$$/g, '').replaceAll('\\d+', 'n').replaceAll('\\', '')}\``;
