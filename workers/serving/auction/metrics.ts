import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

export interface AuctionMetrics {
  readonly settingsInfo: Gauge<'revision'>
  readonly settingsRefused: Gauge<'revision' | 'reason'>
  readonly expectedRevenue: Counter<'rule'>
  readonly adsPerList: Histogram
  readonly excluded: Counter<'reason'>
  readonly paymentDuration: Histogram
  readonly histories: Counter<'source'>
}

/** Of a ranker whose model may have an auction. One revision at a time has a series. */
export function createAuctionMetrics(registry: Registry): AuctionMetrics {
  const registers = [registry]
  return {
    settingsInfo: new Gauge({
      name: 'adloom_auction_settings_info',
      help: '1 for the revision of the auction settings that lists are made by.',
      labelNames: ['revision'],
      registers,
    }),
    settingsRefused: new Gauge({
      name: 'adloom_auction_settings_refused',
      help: '1 for the revision of settings that were not taken, and why; those before go on.',
      labelNames: ['revision', 'reason'],
      registers,
    }),
    expectedRevenue: new Counter({
      name: 'adloom_auction_expected_revenue_total',
      help: 'Sum of payment times pCTR over all lists, by payment rule; divided by the lists, revenue of a request.',
      labelNames: ['rule'],
      registers,
    }),
    adsPerList: new Histogram({
      name: 'adloom_auction_ads_per_list',
      help: 'Ads in each list.',
      buckets: [0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 50],
      registers,
    }),
    excluded: new Counter({
      name: 'adloom_auction_excluded_ads_total',
      help: 'Ads that did not take part in an auction, by reason.',
      labelNames: ['reason'],
      registers,
    }),
    paymentDuration: new Histogram({
      name: 'adloom_auction_payment_seconds',
      help: 'Duration of the payments of lists that were made together, with what explains them.',
      buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
      registers,
    }),
    histories: new Counter({
      name: 'adloom_auction_histories_total',
      help: 'Histories of requests: encoded by the model, or kept from a request before; of models that keep users.',
      labelNames: ['source'],
      registers,
    }),
  }
}
