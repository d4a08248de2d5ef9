import { parseDirective } from './directive.js';

describe('parseDirective', () => {
  it.each([
    ['429;retry_after=2', { fault: '429;retry_after=2', id: undefined, tokens: null }],
    ['500;times=2;id=a b', { fault: '500;times=2', id: 'a b', tokens: null }],
    [' tokens=2000 ', { fault: undefined, id: undefined, tokens: 2_000 }],
    ['cut=5;tokens=10', { fault: 'cut=5', id: undefined, tokens: 10 }],
    ['tokens=many', { fault: 'tokens=many', id: undefined, tokens: null }],
    ['', { fault: '', id: undefined, tokens: null }],
  ])('reads %p', (text, directive) => {
    expect(parseDirective(text)).toEqual(directive);
  });
});
