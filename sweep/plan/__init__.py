"""From a fitted law to a decision, and the ledger of forecasts."""
