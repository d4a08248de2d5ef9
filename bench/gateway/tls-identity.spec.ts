import { X509Certificate, createPrivateKey } from 'node:crypto';
import { CERTIFICATE, PRIVATE_KEY } from './tls-identity.js';

describe('the upstream over TLS', () => {
  it('is who it says it is on this machine, with its own key, for long', () => {
    const certificate = new X509Certificate(CERTIFICATE);
    expect(certificate.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificate.checkPrivateKey(createPrivateKey(PRIVATE_KEY))).toBe(true);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.validToDate.getUTCFullYear()).toBeGreaterThan(2100);
  });
});
