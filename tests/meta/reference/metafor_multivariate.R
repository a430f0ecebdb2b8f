# Makes metafor_multivariate.json. Run from this folder: Rscript metafor_multivariate.R
# Debian packages r-cran-metafor (3.8-1), r-cran-metadat (1.2-0) and r-cran-jsonlite.
# rma.mv searches with a general optimiser: it is run with the finest tolerance that optimiser has, and the
# likelihood it reached is pinned beside the estimates, so that a difference can be told from a better maximum.
suppressPackageStartupMessages({library(metafor); library(metadat); library(jsonlite)})

# Estimates (k, p) with NA, covariances (k, p, p), from rows of (site, arm, estimate) and a block of each site.
wide <- function(site, arm, y, blocks, mods = NULL) {
  sites <- unique(site); arms <- sort(unique(arm)); p <- length(arms)
  estimates <- matrix(NA_real_, length(sites), p)
  covariances <- array(0, c(length(sites), p, p))
  for (i in seq_along(sites)) {
    rows <- which(site == sites[i]); at <- match(arm[rows], arms)
    estimates[i, at] <- y[rows]
    covariances[i, at, at] <- blocks[rows, rows]
  }
  moderator <- if (is.null(mods)) NULL else mods[match(sites, site)]
  list(estimates = estimates, covariances = covariances, moderator = moderator,
       long = list(site = site, arm = factor(arm, levels = arms), y = y, V = blocks, mods = mods))
}

berkey <- dat.berkey1998
V <- as.matrix(bldiag(lapply(split(berkey[c("v1i", "v2i")], berkey$trial), as.matrix)))
sets <- list(
  berkey1998 = wide(berkey$trial, as.integer(berkey$outcome == "PD"), berkey$yi, V),
  berkey1998_year = wide(berkey$trial, as.integer(berkey$outcome == "PD"), berkey$yi, V, berkey$year - 1983)
)
kalaian <- dat.kalaian1996
V <- vcalc(vi, cluster = study, type = outcome, data = kalaian, rho = 0.66)
sets$kalaian1996 <- wide(kalaian$study, as.integer(kalaian$outcome == "math"), kalaian$yi, V)
ishak <- reshape(dat.ishak2007, direction = "long", idvar = "study", v.names = c("yi", "vi"),
                 varying = list(c("y1i", "y2i", "y3i", "y4i"), c("v1i", "v2i", "v3i", "v4i")))
ishak <- ishak[order(ishak$study, ishak$time), ]
ishak <- ishak[!is.na(ishak$yi), ]
rownames(ishak) <- NULL
V <- vcalc(vi, cluster = study, time1 = time, phi = 0.97, data = ishak)
sets$ishak2007 <- wide(ishak$study, ishak$time, ishak$yi, V)
set.seed(0)
sites <- 12; p <- 3
simulated <- expand.grid(arm = 1:p, site = 1:sites)[, 2:1]
V <- matrix(0, nrow(simulated), nrow(simulated))
y <- numeric(nrow(simulated))
for (i in 1:sites) {
  rows <- which(simulated$site == i)
  A <- matrix(rnorm(p * (p + 2)), p); V[rows, rows] <- 0.01 * A %*% t(A)
  y[rows] <- c(0.1, 0.3, 0.2) + rnorm(1) * 0.2 + t(chol(V[rows, rows] + 0.01 * diag(p))) %*% rnorm(p)
}
keep <- -c(5, 9, 14, 25, 36)
sets$simulated <- wide(simulated$site[keep], simulated$arm[keep], y[keep], V[keep, keep])

optimisers <- list(list(optimizer = "nlminb", rel.tol = 1e-15, x.tol = 1e-14, iter.max = 5000, eval.max = 5000),
                   list(optimizer = "BFGS", reltol = 1e-16, maxit = 5000),
                   list(optimizer = "Nelder-Mead", reltol = 1e-16, maxit = 50000))
fit <- function(long, struct, method) {
  best <- NULL
  form <- if (is.null(long$mods)) ~ 0 + arm else ~ 0 + arm + arm:mods
  data <- data.frame(site = long$site, arm = long$arm)
  if (!is.null(long$mods)) data$mods <- long$mods
  for (control in optimisers) {
    one <- try(suppressWarnings(rma.mv(long$y, long$V, mods = form, random = ~ arm | site, struct = struct,
                                       data = data, method = method, control = control)), silent = TRUE)
    if (!inherits(one, "try-error") && (is.null(best) || logLik(one) > logLik(best))) best <- one
  }
  list(coefficients = as.numeric(best$beta), std_errors = as.numeric(best$se), between = unname(best$G),
       log_likelihood = as.numeric(logLik(best)), q = best$QE, q_p_value = best$QEp)
}
out <- list()
for (name in names(sets)) {
  set <- sets[[name]]; models <- list()
  for (struct in c("UN", "CS", "DIAG", "ID")) for (method in c("REML", "ML"))
    models[[paste(struct, method, sep = "/")]] <- fit(set$long, struct, method)
  out[[name]] <- list(estimates = set$estimates, covariances = set$covariances, moderator = set$moderator,
                      models = models)
}
write_json(list(metafor = as.character(packageVersion("metafor")), metadat = as.character(packageVersion("metadat")),
                r = R.version.string, datasets = out),
           "metafor_multivariate.json", digits = I(17), auto_unbox = TRUE, null = "null", na = "null")
