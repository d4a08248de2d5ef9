import { inBrief } from './left-out.js';

describe('inBrief', () => {
  it('tells each name once, and those that differ in their numbers alone together', () => {
    expect(inBrief([])).toEqual([]);
    expect(inBrief(['store', 'messages[3].content[0]', 'store'])).toEqual(['store', 'messages[3].content[0]']);
    expect(inBrief(['tools[0].cache_control', 'messages[1].content[0]', 'user', 'messages[3].content[2]', 'messages[3].content[2].id'])).toEqual(['tools[0].cache_control', 'messages[].content[]', 'user', 'messages[3].content[2].id']);
  });
});
