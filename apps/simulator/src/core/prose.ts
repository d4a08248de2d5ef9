import { type Random, between, pick } from './random.js';

/**
 * English made of pieces that are exactly one token each, alone and side by side (a test holds that against the real
 * tokenizer). So the text of an answer needs no tokenizer, and its length in tokens is its number of pieces.
 */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  noun: ['team', 'system', 'service', 'model', 'answer', 'question', 'process', 'result', 'report', 'request', 'customer', 'plan', 'change', 'value', 'cost', 'budget', 'market', 'product', 'design', 'method', 'example', 'document', 'project', 'network', 'record', 'measure', 'account', 'schedule', 'review', 'strategy'],
  verb: ['explains', 'supports', 'improves', 'reduces', 'describes', 'follows', 'shows', 'changes', 'includes', 'provides', 'requires', 'creates', 'affects', 'keeps', 'confirms', 'limits', 'covers', 'connects', 'protects', 'defines'],
  adjective: ['clear', 'simple', 'common', 'careful', 'useful', 'recent', 'early', 'larger', 'small', 'stable', 'direct', 'local', 'general', 'practical', 'reliable', 'open', 'complete', 'typical', 'good', 'different'],
  adverb: ['quickly', 'often', 'usually', 'slowly', 'carefully', 'directly', 'again', 'today', 'later', 'together'],
  opener: ['The', 'This', 'Each', 'Every', 'Another', 'One', 'That'],
};

/** A lower-case name is a slot; the rest is literal. */
const SENTENCES: readonly (readonly string[])[] = [
  'opener adjective noun verb the noun and verb the adjective noun.',
  'opener noun verb the adjective noun , because the noun verb it adverb.',
  'In practice , the noun verb the noun , and the adjective noun verb the rest.',
  'When the noun verb the noun , the adjective noun verb it adverb.',
  'opener noun of the adjective noun verb the adjective noun.',
  'As a result , the noun adverb verb the adjective noun.',
  'It verb the noun , so the noun verb the adjective noun.',
  'There is one adjective noun behind the noun that verb the noun.',
].map((sentence) => sentence.replace(/\.$/, ' .').split(' '));

/** Every piece that can occur, for the tests and as alternatives in `top_logprobs`. */
export const PIECES: readonly string[] = [...new Set([...Object.values(WORDS).flat(), ...SENTENCES.flat().filter((part) => !(part in WORDS))])]
  .map((word) => (word === '.' || word === ',' ? word : ` ${word}`));

/** Whole sentences of about `target` tokens; one piece is one token. */
export function writeProse(random: Random, target: number): string[] {
  const pieces: string[] = [];
  let untilParagraph = between(random, 3, 5);
  let startsParagraph = true;
  while (pieces.length < target) {
    for (const part of pick(random, SENTENCES)) {
      const word = WORDS[part] ? pick(random, WORDS[part]) : part;
      pieces.push(startsParagraph || word === '.' || word === ',' ? word : ` ${word}`);
      startsParagraph = false;
    }
    untilParagraph -= 1;
    if (untilParagraph === 0 && pieces.length < target) {
      pieces[pieces.length - 1] = '.\n\n';
      startsParagraph = true;
      untilParagraph = between(random, 3, 5);
    }
  }
  return pieces;
}

/** A few words, as a value in structured output. */
export const writePhrase = (random: Random, words: number): string => writeProse(random, Math.max(words, 1)).slice(0, words).join('').replaceAll('\n', '').trim();
