import fc from 'fast-check';
import { isDataUrl, readDataUrl, writeDataUrl } from './data-urls.js';

describe('data URLs', () => {
  it('come back as they were written', () => {
    fc.assert(
      fc.property(fc.constantFrom('image/png', 'application/pdf', 'text/plain;charset=utf-16', 'application/x;a="b"'), fc.base64String(), (mediaType, data) => {
        const url = writeDataUrl({ kind: 'base64', mediaType, data });
        expect(isDataUrl(url)).toBe(true);
        expect(readDataUrl(url)).toEqual({ kind: 'base64', mediaType, data });
      }),
    );
  });

  it('say their media type plainly where a charset is the one that is meant anyway', () => {
    for (const charset of ['utf-8', 'UTF-8', '"utf-8"', 'us-ascii']) expect(readDataUrl(`DATA:text/plain;charset=${charset};BASE64,aGk=`)).toEqual({ kind: 'base64', mediaType: 'text/plain', data: 'aGk=' });
  });

  it.each(['data:image/png,AAAA', 'data:,x', 'data:;base64,AAAA', 'data:image/svg+xml;utf8,<svg/>', 'data:base64', 'data:image/png;base64'])('are none: %s', (url) => {
    expect(readDataUrl(url)).toBeNull();
  });
});
