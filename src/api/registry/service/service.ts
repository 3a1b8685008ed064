import type { Service } from '../../objects/service.ts'
import type { Strategy } from '../strategy.ts'
import { allocate } from './allocate.ts'
import { carryOver } from './carry.ts'
import { defaults, statusDefaults } from './defaults.ts'
import { validate, validateStatus, validateUpdate } from './validate.ts'

/** Services get their addresses and node ports here, as in kube-apiserver, not in a control loop. */
export const serviceStrategy: Strategy<Service> = {
  names: 'service',
  prepareCreate(service) {
    service.status = { loadBalancer: {} }
  },
  prepareUpdate: carryOver,
  defaults,
  validate,
  validateUpdate,
  statusDefaults,
  validateStatus,
  allocate,
}
