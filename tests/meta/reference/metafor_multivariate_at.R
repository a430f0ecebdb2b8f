# Makes metafor_multivariate_at.json: rma.mv with its between-site covariance fixed at ours, so that nothing hangs
# on where its search stops. First, from the repository's root,
#   python -c "from evidence.claims.metafor_multivariate_agreement import write_between; write_between()"
# writes ours beside the data of metafor_multivariate.json. Then, from this folder: Rscript metafor_multivariate_at.R
# Debian packages r-cran-metafor (3.8-1) and r-cran-jsonlite.
suppressPackageStartupMessages({library(metafor); library(jsonlite)})

pinned <- read_json("metafor_multivariate.json", simplifyVector = TRUE)
ours <- read_json("metafor_multivariate_between.json", simplifyVector = TRUE)

long_of <- function(set) {
  k <- nrow(set$estimates); p <- ncol(set$estimates)
  data <- data.frame(site = rep(seq_len(k), each = p), arm = factor(rep(seq_len(p), k)), y = c(t(set$estimates)))
  if (!is.null(set$moderator)) data$mods <- rep(set$moderator, each = p)
  V <- as.matrix(bldiag(lapply(seq_len(k), function(i) set$covariances[i, , ])))
  list(data = data[!is.na(data$y), ], V = V[!is.na(data$y), !is.na(data$y)])
}

at <- function(set, psi, method) {
  long <- long_of(set); data <- long$data; p <- nrow(psi); size <- sqrt(diag(psi))
  # A correlation with an arm that does not vary is nothing; 1 + 1e-16 is refused.
  R <- pmin(pmax(ifelse(outer(size, size) > 0, psi / outer(size, size), 0), -1), 1)
  form <- if (is.null(data$mods)) ~ 0 + arm else ~ 0 + arm + arm:mods
  one <- rma.mv(data$y, long$V, mods = form, random = ~ arm | site, struct = "UN", data = data, method = method,
                tau2 = diag(psi), rho = t(R)[lower.tri(R)])
  stopifnot(max(abs(one$G - psi)) <= 1e-14 * max(abs(psi)))
  # Every arm less the first, with intercepts and slopes apart.
  first <- cbind(-1, diag(p - 1))
  L <- if (is.null(data$mods)) first else as.matrix(bldiag(first, first))
  tested <- anova(one, X = L)
  out <- list(coefficients = as.numeric(one$beta), covariance = unname(one$vb), std_errors = as.numeric(one$se),
              conf_low = as.numeric(one$ci.lb), conf_high = as.numeric(one$ci.ub), p_values = as.numeric(one$pval),
              log_likelihood = as.numeric(logLik(one)), q = one$QE, q_p_value = one$QEp,
              contrasts = list(multipliers = L, estimates = as.numeric(tested$Xb), std_errors = as.numeric(tested$se),
                               p_values = as.numeric(tested$pval), joint = as.numeric(tested$QM),
                               joint_p_value = as.numeric(tested$QMp)))
  point <- if (is.null(data$mods)) diag(p) else cbind(diag(p), 2 * diag(p))
  new <- predict(one, newmods = point, intercept = FALSE, tau2.levels = seq_len(p), addx = FALSE)
  out$prediction <- list(at = if (is.null(data$mods)) NULL else 2, low = as.numeric(new$pi.lb),
                         high = as.numeric(new$pi.ub))
  out
}

out <- list()
for (name in names(ours)) for (key in names(ours[[name]]))
  out[[name]][[key]] <- at(pinned$datasets[[name]], ours[[name]][[key]], strsplit(key, "/")[[1]][2])
write_json(list(metafor = as.character(packageVersion("metafor")), r = R.version.string, datasets = out),
           "metafor_multivariate_at.json", digits = I(17), auto_unbox = TRUE, null = "null", na = "null")
