# The example "Double robust estimator" of the manual of riskRegression (help page of ate), and the same
# without its rounding of times. Rscript riskregression_ate.R > riskregression_ate.json
# Debian 12: r-cran-riskregression, r-cran-jsonlite.
suppressMessages({
  library(riskRegression)
  library(survival)
  library(data.table)
})

hazards <- function(model) {
  base <- predictCox(model, centered = FALSE, type = "hazard")
  jumps <- base$hazard > 0
  list(slopes = unname(coef(model)), time = base$times[jumps], hazard = base$hazard[jumps])
}

means <- function(found, type) {
  table <- as.data.frame(as.data.table(found))
  columns <- intersect(c("time", "level", "estimate", "se"), names(table))
  table[table$type == type, columns]
}

example <- function(digits) {
  set.seed(10)
  dt <- sampleData(500, outcome = "competing.risks")
  dt$time <- round(dt$time, digits)
  dt$X1 <- factor(rbinom(500, prob = 0.4, size = 1), labels = paste0("T", 0:1))
  event <- CSC(Hist(time, event) ~ X1 + X2 + X3 + X5 + X8, data = dt)
  censor <- coxph(Surv(time, event == 0) ~ X1 + X2 + X3 + X5 + X8, data = dt, x = TRUE, y = TRUE)
  treatment <- glm(X1 ~ X2 + X3 + X5 + X8, data = dt, family = binomial(link = "logit"))
  estimate <- function(known) {
    ate(event = event, treatment = treatment, censor = censor, data = dt, times = 5:10, cause = 1,
        estimator = "AIPTW", known.nuisance = known, verbose = FALSE)
  }
  printed <- estimate(FALSE)
  list(
    time = dt$time, event = dt$event, arm = as.integer(dt$X1) - 1,
    covariates = unname(cbind(as.integer(dt$X2) - 1, as.integer(dt$X3) - 1, as.integer(dt$X5) - 1, dt$X8)),
    treatment = unname(coef(treatment)),
    hazards = list(event = hazards(event$models[[1]]), competing = hazards(event$models[[2]]),
                   censoring = hazards(censor)),
    risks = means(printed, "meanRisk"), differences = means(printed, "diffRisk"),
    known_nuisances = means(estimate(TRUE), "meanRisk")
  )
}

versions <- sapply(c("riskRegression", "survival", "lava"), function(p) as.character(packageVersion(p)))
found <- list(versions = c(as.list(versions), R = as.character(getRversion())),
              published = example(1), untied = example(8))
cat(jsonlite::toJSON(found, digits = NA, auto_unbox = TRUE))
