//! Values that no model can have.

use std::path::Path;

use super::Config;
use crate::pocket::SAMPLE_RATE;
use crate::{Error, Result};

impl Config {
    /// Says what is impossible, if anything is.
    pub(super) fn check(&self, path: &Path) -> Result<()> {
        let wrong = |field: &str, why: String| {
            Err(Error::Config {
                path: path.to_owned(),
                field: field.into(),
                why,
            })
        };
        let (lm, mimi) = (&self.flow_lm, &self.mimi);
        let backbone = &lm.transformer;
        let (seanet, transformer) = (mimi.decoder_seanet(), mimi.decoder_transformer());
        for (field, value) in [
            ("flow_lm.flow.dim", lm.flow.dim),
            ("flow_lm.transformer.d_model", backbone.d_model),
            ("flow_lm.transformer.num_heads", backbone.num_heads),
            ("flow_lm.transformer.num_kv_heads", backbone.num_kv_heads.unwrap_or(1)),
            ("flow_lm.transformer.num_layers", backbone.num_layers),
            ("flow_lm.lookup_table.n_bins", lm.lookup_table.n_bins),
            ("mimi.quantizer.dimension", mimi.quantizer.dimension),
            ("mimi.seanet.dimension", seanet.dimension),
            ("mimi.seanet.n_filters", seanet.n_filters),
            ("mimi.seanet.ratios", seanet.ratios.iter().product()),
            ("mimi.seanet.kernel_size", seanet.kernel_size),
            ("mimi.seanet.residual_kernel_size", seanet.residual_kernel_size),
            ("mimi.seanet.last_kernel_size", seanet.last_kernel_size),
            ("mimi.seanet.compress", seanet.compress),
            ("mimi.transformer.d_model", transformer.d_model),
            ("mimi.transformer.num_heads", transformer.num_heads),
            ("mimi.transformer.num_layers", transformer.num_layers),
            ("mimi.transformer.context", transformer.context),
        ] {
            if value == 0 {
                return wrong(field, "is zero".into());
            }
        }
        let attention = backbone.attn_dim.unwrap_or(backbone.d_model);
        let kv_heads = backbone.num_kv_heads.unwrap_or(backbone.num_heads);
        for (field, width, heads) in [
            ("flow_lm.transformer.num_heads", attention, backbone.num_heads),
            ("mimi.transformer.num_heads", transformer.d_model, transformer.num_heads),
        ] {
            if width % heads != 0 || (width / heads) % 2 != 0 {
                return wrong(
                    field,
                    format!("{heads} heads do not share a width of {width} in even parts"),
                );
            }
        }
        if backbone.num_heads % kv_heads != 0 {
            let heads = backbone.num_heads;
            return wrong(
                "flow_lm.transformer.num_kv_heads",
                format!("{heads} heads do not share {kv_heads}"),
            );
        }
        if lm.lookup_table.dim != backbone.d_model {
            return wrong(
                "flow_lm.lookup_table.dim",
                format!("is not d_model, {}", backbone.d_model),
            );
        }
        if mimi.sample_rate != SAMPLE_RATE || mimi.channels != 1 || seanet.channels != 1 {
            return wrong(
                "mimi.sample_rate",
                format!("only mono of {SAMPLE_RATE} Hz is supported"),
            );
        }
        if mimi.positions().is_none() {
            return wrong(
                "mimi.frame_rate",
                format!(
                    "{} per second is no whole number of the decoder's positions",
                    mimi.frame_rate
                ),
            );
        }
        if transformer.input_dimension != seanet.dimension || transformer.output_dimensions != [seanet.dimension] {
            return wrong("mimi.transformer", "its ends do not fit the decoder".into());
        }
        if mimi.outer_dim.unwrap_or(seanet.dimension) != seanet.dimension
            || mimi.quantizer.output_dimension != seanet.dimension
        {
            return wrong("mimi.outer_dim", "upsampling that changes the width is unknown".into());
        }
        if seanet.ratios.len() > 8 || seanet.n_filters < seanet.compress {
            return wrong("mimi.seanet", "impossible numbers of channels".into());
        }
        if !(self.default_temperature >= 0.0 && self.default_temperature.is_finite()) {
            return wrong("default_temperature", "is no variance".into());
        }
        if !self.default_eos_threshold.is_finite() {
            return wrong("default_eos_threshold", "is no number".into());
        }
        for (field, period) in [
            ("flow_lm.transformer.max_period", backbone.max_period),
            ("mimi.transformer.max_period", transformer.max_period),
        ] {
            if !(period > 1.0 && period.is_finite()) {
                return wrong(field, "is no period".into());
            }
        }
        Ok(())
    }
}
