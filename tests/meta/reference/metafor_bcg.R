# Makes metafor_bcg.json. Run from this folder: Rscript metafor_bcg.R
# Debian packages r-cran-metafor (3.8-1) and r-cran-jsonlite. The data are the 13 trials of
# Colditz et al. (1994), doi:10.1001/jama.1994.03510330076038, typed in so that no data package is needed.
# The optimisers are run to machine precision: at metafor's own tolerances its last digits are noise.
suppressPackageStartupMessages({library(metafor); library(jsonlite)})

tpos <- c(4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5, 27)
tneg <- c(119, 300, 228, 13536, 5036, 1361, 2537, 87886, 7470, 1699, 50448, 2493, 16886)
cpos <- c(11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3, 29)
cneg <- c(128, 274, 209, 12619, 5761, 1079, 619, 87892, 7232, 1600, 27197, 2338, 17825)
ablat <- c(44, 55, 42, 52, 13, 44, 19, 13, 27, 42, 18, 33, 33)
year <- c(1948, 1949, 1960, 1977, 1973, 1953, 1973, 1980, 1968, 1961, 1974, 1969, 1976)
es <- escalc(measure = "RR", ai = tpos, bi = tneg, ci = cpos, di = cneg)
yi <- as.numeric(es$yi)
vi <- as.numeric(es$vi)

fit <- function(method, test, mods = NULL) {
  control <- list(threshold = 1e-14, maxiter = 100000, tol = 1e-14)
  if (is.null(mods)) {
    rma(yi, vi, method = method, test = test, control = control)
  } else {
    rma(yi, vi, mods = mods, method = method, test = test, control = control)
  }
}

summarise <- function(res) {
  out <- list(
    coefficients = as.numeric(res$beta), std_errors = res$se, conf_low = res$ci.lb, conf_high = res$ci.ub,
    p_values = res$pval, covariance = unname(res$vb), tau2 = res$tau2, tau2_std_error = res$se.tau2,
    i2 = res$I2, h2 = res$H2, q = res$QE, q_p_value = res$QEp
  )
  lapply(out, function(x) if (is.matrix(x)) x else as.numeric(x))
}

methods <- c("EE", "DL", "HE", "HS", "SJ", "ML", "REML", "PM", "EB")
tests <- c(wald = "z", t = "t", `knapp-hartung` = "knha", `knapp-hartung-floored` = "adhoc")
models <- list()
for (method in methods) for (interval in names(tests)) {
  key <- paste(method, interval, sep = "/")
  models[[key]] <- summarise(fit(method, tests[[interval]]))
  models[[paste0(key, "/ablat+year")]] <- summarise(fit(method, tests[[interval]], cbind(ablat, year)))
}

reml <- fit("REML", "knha")
profile_interval <- confint(reml, control = list(tol = 1e-14, maxiter = 100000))$random["tau^2", ]
prediction <- predict(reml)
shrunken <- blup(reml)
left_out <- leave1out(reml)
new_site <- predict(fit("REML", "knha", cbind(ablat, year)), newmods = c(33.5, 1970))
origin <- rma(yi, vi, mods = ablat, intercept = FALSE, control = list(threshold = 1e-14, maxiter = 100000))
extra <- list(
  estimates = yi, variances = vi, ablat = ablat, year = year,
  q_profile = unname(profile_interval[c("ci.lb", "ci.ub")]),
  prediction = c(prediction$pi.lb, prediction$pi.ub),
  prediction_ablat_33.5_year_1970 = c(new_site$pi.lb, new_site$pi.ub),
  no_intercept_ablat_tau2_as_metafor_gives_it = origin$tau2,
  shrunken = list(estimates = shrunken$pred, std_errors = shrunken$se),
  leave_one_out = list(estimates = left_out$estimate, std_errors = left_out$se, tau2 = left_out$tau2,
                       q = left_out$Q),
  weights = unname(weights(reml))
)
write_json(
  list(metafor = as.character(packageVersion("metafor")), r = R.version.string, models = models, extra = extra),
  "metafor_bcg.json", digits = 17, auto_unbox = TRUE, null = "null", na = "null"
)
