// Reads {policies, cases} as JSON, and writes for each case what iam-simulate makes of it.
import { createRequire } from 'node:module'
import { readFileSync } from 'node:fs'

const { runSimulation } = createRequire(process.argv[2] + '/')('@cloud-copilot/iam-simulate')
const { policies, cases } = JSON.parse(readFileSync(0, 'utf8'))
const outcomes = []
for (const { policy, action, resource, context } of cases) {
  const response = await runSimulation(
    {
      identityPolicies: [{ name: 'judged', policy: policies[policy] }],
      serviceControlPolicies: [],
      resourceControlPolicies: [],
      request: {
        principal: 'arn:aws:iam::111122223333:role/of-a-tenant',
        action,
        resource: { resource, accountId: '111122223333' },
        contextVariables: context,
      },
    },
    {},
  )
  outcomes.push(response.resultType === 'error' ? response.errors : response.overallResult)
}
process.stdout.write(JSON.stringify(outcomes))
