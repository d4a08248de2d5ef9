import vm from 'node:vm';
import { TestEnvironment as NodeEnvironment } from 'jest-environment-node';

/**
 * Jest's environment for Node with an ordinary global object. The one that it makes itself stands behind an interceptor
 * that is asked at every mention of a global, `Math` and `Buffer` too: suites that compute took a third longer with it.
 * https://nodejs.org/api/vm.html#when-contextobject-is-vmconstantsdont_contextify
 */
export default class OrdinaryGlobalEnvironment extends NodeEnvironment {
  constructor(config, context) {
    const { createContext } = vm;
    vm.createContext = () => createContext(vm.constants.DONT_CONTEXTIFY);
    try {
      super(config, context);
    } finally {
      vm.createContext = createContext;
    }
  }
}
