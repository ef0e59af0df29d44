import { expect, test } from 'vitest'
import { listenHost } from '../../crds/listen-host.ts'

test.each([
  ['on loopback when it is no Pod', {}, '127.0.0.1'],
  ['on all addresses of a Pod', { POD_IP: '10.1.0.7' }, '0.0.0.0'],
  ['on all addresses of a Pod of a network of IPv6', { POD_IP: 'fd00::7' }, '::'],
  ['where the local node says', { POD_IP: '127.4.0.7', ADLOOM_LISTEN_HOST: '127.4.0.7' }, '127.4.0.7'],
])('a process listens %s', (_, environment, host) => {
  expect(listenHost(environment)).toBe(host)
})
