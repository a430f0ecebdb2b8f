# Makes metafor_datasets.json. Run from this folder: Rscript metafor_datasets.R
# Debian packages r-cran-metafor (3.8-1), r-cran-metadat (1.2-0) and r-cran-jsonlite.
# The iterations are run to the finest threshold at which they converge: at metafor's own tolerances its last
# digits are noise. What remains of it is said in the claim that reads this file.
suppressPackageStartupMessages({library(metafor); library(metadat); library(jsonlite)})

plain <- function(d) {
  keep <- is.finite(d$yi) & is.finite(d$vi)
  list(yi = as.numeric(d$yi)[keep], vi = as.numeric(d$vi)[keep])
}
counts <- function(d, measure) plain(escalc(measure, ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = d))
with_mods <- function(d, mods) {
  keep <- complete.cases(mods)
  list(yi = d$yi[keep], vi = d$vi[keep], mods = unname(as.matrix(mods[keep, , drop = FALSE])))
}
bcg <- plain(escalc("RR", ai = tpos, bi = tneg, ci = cpos, di = cneg, data = dat.bcg))
viechtbauer <- plain(escalc("OR", ai = xTi, n1i = nTi, ci = xCi, n2i = nCi, data = dat.viechtbauer2021))
hart <- plain(escalc("IRR", x1i = x1i, t1i = t1i, x2i = x2i, t2i = t2i, data = dat.hart1999))
sets <- list(
  bcg = bcg,
  bcg_ablat_year = with_mods(bcg, data.frame(dat.bcg$ablat, dat.bcg$year)),
  bangertdrowns2004 = plain(dat.bangertdrowns2004),
  bangertdrowns2004_length = with_mods(dat.bangertdrowns2004, data.frame(dat.bangertdrowns2004$length)),
  normand1999 = plain(escalc("MD", m1i = m1i, sd1i = sd1i, n1i = n1i, m2i = m2i, sd2i = sd2i, n2i = n2i,
                             data = dat.normand1999)),
  raudenbush1985 = plain(dat.raudenbush1985),
  raudenbush1985_weeks = with_mods(dat.raudenbush1985, data.frame(pmin(dat.raudenbush1985$weeks, 3))),
  pignon2000 = list(yi = dat.pignon2000$OmE / dat.pignon2000$V, vi = 1 / dat.pignon2000$V),
  hine1989 = counts(dat.hine1989, "RD"),
  yusuf1985_table_6 = counts(dat.yusuf1985[dat.yusuf1985$table == "6", ], "OR"),
  li2007 = counts(dat.li2007, "OR"),
  egger2001 = counts(dat.egger2001, "OR"),
  hackshaw1998 = plain(dat.hackshaw1998),
  hart1999 = hart,
  hart1999_size = with_mods(hart, data.frame(dat.hart1999$n1i / 100)),
  linde2005 = counts(dat.linde2005, "RR"),
  mcdaniel1994 = plain(escalc("ZCOR", ri = ri, ni = ni, data = dat.mcdaniel1994)),
  nielweise2007 = counts(dat.nielweise2007, "RR"),
  nielweise2008 = plain(escalc("IRR", x1i = x1i, t1i = t1i, x2i = x2i, t2i = t2i, data = dat.nielweise2008)),
  molloy2014 = plain(escalc("ZCOR", ri = ri, ni = ni, data = dat.molloy2014)),
  debruin2009 = plain(escalc("PLO", xi = xi, ni = ni, data = dat.debruin2009)),
  vanhowe1999 = plain(escalc("OR", ai = non.pos, bi = non.neg, ci = cir.pos, di = cir.neg, data = dat.vanhowe1999)),
  cohen1981 = plain(escalc("ZCOR", ri = ri, ni = ni, data = dat.cohen1981)),
  curtis1998 = plain(escalc("ROM", m1i = m2i, sd1i = sd2i, n1i = n2i, m2i = m1i, sd2i = sd1i, n2i = n1i,
                            data = dat.curtis1998)),
  lau1992 = counts(dat.lau1992, "OR"),
  konstantopoulos2011 = plain(dat.konstantopoulos2011),
  laopaiboon2015 = counts(dat.laopaiboon2015, "RR"),
  viechtbauer2021 = viechtbauer,
  viechtbauer2021_dose = with_mods(viechtbauer, data.frame(dat.viechtbauer2021$dose))
)

fit <- function(set, method, test) {
  for (threshold in c(1e-15, 1e-13, 1e-11)) {
    control <- list(threshold = threshold, maxiter = 1000, tol = 1e-15)
    arguments <- list(yi = set$yi, vi = set$vi, method = method, test = test, control = control)
    if (!is.null(set$mods)) arguments$mods <- set$mods
    result <- try(suppressWarnings(do.call(rma, arguments)), silent = TRUE)
    if (!inherits(result, "try-error")) return(result)
  }
  NULL
}

bare <- function(x) if (is.matrix(x)) unname(x) else as.numeric(x)
summarise <- function(res) {
  if (is.null(res)) return(NULL)
  lapply(list(
    coefficients = res$beta[, 1], std_errors = res$se, conf_low = res$ci.lb, conf_high = res$ci.ub,
    p_values = res$pval, covariance = res$vb, tau2 = res$tau2, tau2_std_error = res$se.tau2, i2 = res$I2,
    h2 = res$H2, q = res$QE, q_p_value = res$QEp, omnibus = res$QM, omnibus_p_value = res$QMp
  ), bare)
}

interval <- function(res, type) {
  found <- try(suppressWarnings(confint(res, type = type, control = list(tol = 1e-15, maxiter = 100000))$random[1, ]),
               silent = TRUE)
  if (inherits(found, "try-error")) NULL else as.numeric(found[c("ci.lb", "ci.ub")])
}

deletion <- function(res) {
  found <- suppressWarnings(influence(res))
  list(rstudent = found$inf$rstudent, dffits = found$inf$dffits, cooks_distance = found$inf$cook.d,
       covariance_ratio = found$inf$cov.r, tau2_deleted = found$inf$tau2.del, q_deleted = found$inf$QE.del,
       hat = found$inf$hat, weight = found$inf$weight,
       dfbetas = unname(do.call(cbind, unclass(found$dfbs)[seq_len(res$p)])), influential = unname(found$is.infl))
}

all_of <- function(set) {
  out <- list(estimates = set$yi, variances = set$vi, moderators = set$mods, models = list())
  for (method in c("EE", "DL", "HE", "HS", "SJ", "ML", "REML", "PM", "EB")) {
    out$models[[paste0(method, "/wald")]] <- summarise(fit(set, method, "z"))
    out$models[[paste0(method, "/knapp-hartung")]] <- summarise(fit(set, method, "knha"))
  }
  out$models[["REML/t"]] <- summarise(fit(set, "REML", "t"))
  out$models[["REML/knapp-hartung-floored"]] <- summarise(fit(set, "REML", "adhoc"))
  reml <- fit(set, "REML", "knha")
  out$q_profile <- interval(reml, "QP")
  out$profile_reml <- interval(reml, "PL")
  out$profile_ml <- interval(fit(set, "ML", "z"), "PL")
  out$influence <- list(wald = deletion(fit(set, "REML", "z")), `knapp-hartung` = deletion(reml))
  new <- if (is.null(set$mods)) NULL else colMeans(set$mods)
  at <- function(res) if (is.null(new)) predict(res) else predict(res, newmods = new)
  out$new_site <- new
  out$prediction <- list(`t(k-1)` = c(at(reml)$pi.lb, at(reml)$pi.ub))
  out$prediction$normal <- with(at(fit(set, "REML", "z")), c(pi.lb, pi.ub))
  shrunken <- blup(reml)
  out$shrunken <- list(estimates = shrunken$pred, std_errors = shrunken$se, conf_low = NULL)
  if (is.null(set$mods)) {
    left <- leave1out(reml)
    out$leave_one_out <- list(estimates = left$estimate, std_errors = left$se, p_values = left$pval, q = left$Q,
                              tau2 = left$tau2, i2 = left$I2, h2 = left$H2)
    if (diff(range(set$vi)) > 0) {
      one <- regtest(reml); two <- regtest(reml, model = "lm")
      last <- function(x) x[length(x)]
      out$egger <- list(random = list(statistic = one$zval, p_value = one$pval, limit = as.numeric(one$est)),
                        multiplicative = list(statistic = two$zval, p_value = two$pval, limit = as.numeric(two$est)))
    }
    up <- cumul(fit(set, "REML", "z"))
    out$cumulative <- list(estimates = up$estimate, std_errors = up$se, tau2 = up$tau2)
  } else {
    weights <- rbind(c(1, colMeans(set$mods)), c(0, seq_len(ncol(set$mods))))
    one <- anova(reml, X = weights)
    out$contrasts <- list(multipliers = weights, estimates = as.numeric(one$Xb), std_errors = as.numeric(one$se),
                          p_values = as.numeric(one$pval), joint = as.numeric(one$QM), joint_p_value = as.numeric(one$QMp))
  }
  k <- length(set$yi)
  if (k <= 6) {
    permuted <- suppressWarnings(permutest(reml, exact = TRUE, progbar = FALSE))
    out$permutation <- list(p_values = as.numeric(permuted$pval), omnibus_p_value = as.numeric(permuted$QMp))
  }
  out
}

schools <- dat.konstantopoulos2011
levels_fit <- function(mods) {
  arguments <- list(yi = schools$yi, V = schools$vi, random = ~ 1 | district / study, data = schools,
                    control = list(optimizer = "nlminb", rel.tol = 1e-12, sigma2.init = c(0.06, 0.03)))
  if (!is.null(mods)) arguments$mods <- mods
  res <- do.call(rma.mv, arguments)
  list(coefficients = as.numeric(res$beta), std_errors = res$se, variances = res$sigma2,
       log_likelihood = as.numeric(logLik(res)))
}
two_level <- list(
  site = as.character(schools$district), moderator = schools$year - 1990, plain = levels_fit(NULL),
  regression = levels_fit(schools$year - 1990)
)
results <- list()
for (name in names(sets)) results[[name]] <- all_of(sets[[name]])
origin <- rma(bcg$yi, bcg$vi, mods = dat.bcg$ablat, intercept = FALSE, control = list(threshold = 1e-14, maxiter = 1e5))
write_json(
  list(metafor = as.character(packageVersion("metafor")), metadat = as.character(packageVersion("metadat")),
       r = R.version.string, datasets = results, two_level = two_level,
       no_intercept_ablat_tau2 = origin$tau2),
  "metafor_datasets.json", digits = I(17), auto_unbox = TRUE, null = "null", na = "null"
)
