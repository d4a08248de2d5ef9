import { BlockList, isIP, isIPv4 } from 'node:net';
import fc from 'fast-check';
import { addressGroup, addressScope, forbiddenHost, mayReach, type AddressScope } from './ip-address.js';

describe('addressScope', () => {
  it.each<[AddressScope, string[]]>([
    ['public', ['8.8.8.8', '1.1.1.1', '172.15.255.255', '172.32.0.0', '100.63.255.255', '100.128.0.0', '169.253.255.255', '223.255.255.255', '2606:4700::1111', '2a00:1450:4001:81c::200e', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8', '2002:808:808::1']],
    ['loopback', ['127.0.0.1', '127.255.255.255', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '0:0:0:0:0:ffff:7f00:0001', '::127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::', '::ffff:0:127.0.0.1']],
    ['private', ['10.0.0.0', '10.255.255.255', '172.16.0.1', '172.31.255.255', '192.168.0.1', 'fc00::1', 'fdff::1', 'fec0::1', '::ffff:10.1.2.3', '64:ff9b:1::1', '2002:a00:1::1']],
    ['shared', ['100.64.0.0', '100.127.255.255', '::ffff:100.64.0.1']],
    ['link_local', ['169.254.169.254', '169.254.0.1', 'fe80::1', 'fe80::1%eth0', 'febf::1', '::ffff:169.254.169.254', '::ffff:a9fe:a9fe', '64:ff9b::a9fe:a9fe', '2002:a9fe:a9fe::']],
    ['metadata', ['100.100.100.200', '168.63.129.16', '192.0.0.192', 'fd00:ec2::254', 'fd20:ce::254']],
    ['multicast', ['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1']],
    ['unspecified', ['0.0.0.0', '0.1.2.3', '::', '::ffff:0.0.0.0']],
    ['reserved', ['192.0.2.1', '198.18.0.1', '198.51.100.7', '203.0.113.9', '240.0.0.1', '2001:db8::1', '2001::1', '3fff::1', '100::1', '4000::1', '1::']],
  ])('%s', (scope, addresses) => {
    expect(addresses.map((address) => [address, addressScope(address)])).toEqual(addresses.map((address) => [address, scope]));
  });

  it.each(['', 'localhost', 'example.com', '1.2.3', '1.2.3.4.5', '256.1.1.1', '01.2.3.4', '0x7f.0.0.1', '2130706433', ':', ':::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2::3', '12345::', '::g', '::1.2.3', '[::1]', '1:2:3:4:5:6:7:8::'])('%j is no address', (text) => {
    expect(addressScope(text)).toBeNull();
  });

  const ipv4 = fc.ipV4();
  const anyAddress = fc.oneof(ipv4, fc.ipV6(), ipv4.map((inner) => `::ffff:${inner}`));

  it("knows as an address what Node's own parser knows", () => {
    fc.assert(fc.property(fc.oneof(anyAddress, fc.stringMatching(/^[0-9a-f:.]{0,20}$/)), (text) => (addressScope(text) !== null) === (isIP(text) !== 0)), { numRuns: 2_000 });
  });

  it("never takes for public what Node's block list finds in a special range", () => {
    const special = new BlockList();
    for (const [network, bits] of [['0.0.0.0', 8], ['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.168.0.0', 16], ['198.18.0.0', 15], ['224.0.0.0', 3]] as const) special.addSubnet(network, bits, 'ipv4');
    for (const [network, bits] of [['::', 127], ['fc00::', 7], ['fe80::', 9], ['ff00::', 8]] as const) special.addSubnet(network, bits, 'ipv6');
    // Half of them inside: random ones seldom are.
    const near = fc.tuple(fc.constantFrom(0, 10, 100, 127, 169, 172, 192, 198, 224, 255), fc.nat(255), fc.nat(255), fc.nat(255)).map((bytes) => bytes.join('.'));
    fc.assert(
      fc.property(fc.oneof(anyAddress, near, near.map((inner) => `::ffff:${inner}`)), (text) => {
        const listed = special.check(text, isIPv4(text) ? 'ipv4' : 'ipv6');
        return !listed || addressScope(text) !== 'public';
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('forbiddenHost', () => {
  const metadata = ['169.254.169.254', '0xa9fea9fe', '2852039166', '0251.0376.0251.0376', '169.254.43518', '0xA9.0xFE.0xA9.0xFE', '[::ffff:169.254.169.254]', '[::ffff:a9fe:a9fe]', '[64:ff9b::169.254.169.254]', '[fe80::1]', '[fd00:ec2::254]', '0', '0.0.0.0', '[::]', '224.0.0.1', '100.100.100.200', '１６９.254.169.254'];
  const inner = ['127.0.0.1', '2130706433', '017700000001', '0x7f000001', '127.1', '[::1]', '[::ffff:127.0.0.1]', '10.0.0.1', '192.168.1.1', '[fc00::1]', '100.64.0.1'];

  it.each(metadata)('refuses %s to everybody, however it is spelt', (host) => {
    const url = new URL(`http://${host}/v1`);
    expect([forbiddenHost(url, 'operator'), forbiddenHost(url, 'public_only')]).toEqual([expect.stringContaining('address'), expect.stringContaining('address')]);
  });

  it.each(inner)('leaves %s to operators', (host) => {
    const url = new URL(`http://${host}/v1`);
    expect([forbiddenHost(url, 'operator'), forbiddenHost(url, 'public_only')]).toEqual([null, expect.stringContaining('address')]);
  });

  it.each(['api.openai.com', '8.8.8.8', '[2606:4700::1111]', 'localhost'])('lets %s pass: it is public, or a name', (host) => {
    expect(forbiddenHost(new URL(`https://${host}/`), 'public_only')).toBeNull();
  });
});

describe('mayReach', () => {
  it('is a matter of who said the address', () => {
    const scopes: AddressScope[] = ['public', 'loopback', 'private', 'shared', 'reserved', 'link_local', 'metadata', 'multicast', 'unspecified'];
    expect(scopes.filter((scope) => mayReach(scope, 'public_only'))).toEqual(['public']);
    expect(scopes.filter((scope) => mayReach(scope, 'operator'))).toEqual(['public', 'loopback', 'private', 'shared', 'reserved']);
  });
});

describe('addressGroup', () => {
  it.each([
    ['203.0.113.9', '203.0.113.9'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['unknown', 'unknown'],
  ])('%s belongs to %s', (address, group) => expect(addressGroup(address)).toBe(group));
});
