#!/usr/bin/env node
import { homedir } from 'node:os'
import { Command, CommanderError, Option } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { keepCompiledCode } from './compiled-code.ts'
import { UsageError } from './usage-error.ts'
import { type Verb, verbs } from './verbs.ts'

keepCompiledCode(process.env, homedir())

/** The `adloom` command. Each subcommand is loaded when it is called, so that `adloom worker` starts as fast as it can. */
const program = new Command('adloom')
  .description('Kubernetes operator for generative ad rankers')
  .version(packageJson.version)
  .exitOverride()

program
  .command('up')
  .description('Run Adloom on this machine: API server, Redis, operator, workers and serving Pods as local processes')
  .requiredOption(
    '-f, --filename <path...>',
    'manifests, or folders of them, to apply; environment variables in them are replaced',
  )
  .option('-d, --directory <path>', 'where everything is kept', '.adloom')
  .option('-n, --namespace <name>', 'namespace of manifests that name none', 'default')
  .option('--kubeconfig <path>', 'use this API server instead of the embedded one')
  .option('--store <uri>', 'artifact store, such as s3://bucket/prefix; default: a folder in the directory')
  .option('--once', 'end when everything is Ready, with the result on one screen')
  .option('--keep', 'with --once: stay up after the result, until Ctrl-C')
  .option('--fresh', 'forget the objects of earlier runs; artifacts stay and are reused')
  .addOption(new Option('--timeout <seconds>', 'with --once: give up after this long').default(3600).argParser(Number))
  .action(async (options) => (await import('./up.ts')).up(options))

program
  .command('operator')
  .description('Run the operator against a Kubernetes API server')
  .option('--kubeconfig <path>', 'API server; default: KUBECONFIG, ~/.kube/config, or the Pod’s own account')
  .addOption(
    new Option('-n, --namespace <name>', 'only objects of this namespace; may be repeated; default: all').argParser(
      (name, before: string[] = []) => [...before, name],
    ),
  )
  .requiredOption('--store <uri>', 'artifact store as operator and Pods see it: file:///path or s3://bucket/prefix')
  .option('--store-claim <name>', 'PersistentVolumeClaim of each namespace that Pods mount where a file: store lies')
  .option('--store-secret <name>', 'Secret of each namespace whose keys are variables of Pods: keys of an s3: store')
  .option('--image <name>', 'image of worker and serving Pods', `adloom:${packageJson.version}`)
  .option('--image-pull-policy <policy>', 'of worker and serving Pods; default: the cluster’s')
  .option('--worker-service-account <name>', 'of worker Pods; default: the namespace’s own')
  .option('--ranker-service-account <name>', 'of serving Pods; default: the namespace’s own')
  .addOption(
    new Option('--pod-env <name=value>', 'variable of worker and serving Pods; may be repeated').argParser(
      (pair, before: string[] = []) => [...before, pair],
    ),
  )
  .option('--lease-namespace <name>', 'namespace of the leader Lease', 'adloom-system')
  .option('--no-leader-elect', 'run without a Lease: only where a second operator is impossible')
  .option('--health-host <address>', 'where /healthz, /readyz and /metrics are served', '127.0.0.1')
  .addOption(new Option('--health-port <port>', 'their port; 0: any').default(8080).argParser(Number))
  .addOption(
    new Option('--resync-seconds <seconds>', 'how often every object is looked at though nothing changed')
      .default(300)
      .argParser(Number),
  )
  .action(async (options) => (await import('./operator.ts')).runOperator(options))

program
  .command('worker')
  .description('Run a worker; started by a WorkerPool, which sets its environment')
  .action(async () => (await import('./replace-process.ts')).replaceProcess('workers/main.ts'))

program
  .command('serve')
  .description('Serve a model; started by a RankerDeployment, which sets its environment')
  .action(async () => (await import('./replace-process.ts')).replaceProcess('workers/serving/main.ts'))

program
  .command('crds')
  .description('Print the CustomResourceDefinitions, for kubectl apply --server-side -f -')
  .action(async () => (await import('./crds.ts')).printDefinitions())

/** A command about one object of an API server. */
const objectCommand = (name: string, description: string, example: string) =>
  program
    .command(name)
    .description(description)
    .argument('<object>', `such as ${example}`)
    .option('--kubeconfig <path>', 'API server; default: that of `adloom up` in --directory, else as kubectl')
    .option('-d, --directory <path>', 'directory of `adloom up`', '.adloom')
    .option('-n, --namespace <name>', 'namespace', 'default')

objectCommand(
  'logs',
  'Print the log of the worker that works or worked on an object',
  'trainingrun/beauty or tr/beauty',
)
  .option('--follow', 'go on as the log grows')
  .addOption(new Option('--tail <lines>', 'only the last lines').argParser(Number))
  .action(async (object, options) => (await import('./logs.ts')).printLog(object, options))

for (const verb of Object.keys(verbs) as Verb[]) {
  const command = objectCommand(verb, verbs[verb], 'rankerdeployment/ads or rd/ads')
  if (verb === 'promote') command.option('--digest <digest>', 'model that a pipeline is to take')
  command.action(async (object, options) => (await import('./requests.ts')).ask(verb, object, options))
}

try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode
  else {
    // A stack helps nobody who typed a wrong path; a bug of ours needs it.
    const expected = error instanceof UsageError || process.env.ADLOOM_DEBUG === undefined
    console.error(`adloom: ${error instanceof Error ? (expected ? error.message : error.stack) : String(error)}`)
    process.exitCode = 1
  }
}
